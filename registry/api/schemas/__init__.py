"""What requests and answers look like; separate from the tables, which do not validate."""
