"""Routes, one module a domain."""
