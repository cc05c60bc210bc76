"""What a checker is shown of an evidence package."""
