"""Applications and documents: import, approval, signing."""
