"""After a restore: what the registry lost, and what must be decided before it is issued again."""
