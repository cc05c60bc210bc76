"""The chain as the registry writes to it: calls, accounts, the one sender, deployment.

``calls`` says what may be sent, ``sender`` signs and sends it; nothing else in the project does.
"""
