"""A report on an evidence package for people who decide: a court, its experts, the parties.

``contents`` says in one language what was found, as blocks that know no layout; ``html`` and
``pdf`` lay them out.
"""
