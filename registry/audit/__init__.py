"""Who did what when, in a chain of hashes."""
