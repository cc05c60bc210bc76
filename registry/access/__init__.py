"""Officers and systems: credentials, roles, what they may do."""
