"""What goes wrong with backups."""

from registry.errors import RegistryError


class BackupError(RegistryError):
    """A backup cannot be made, read or restored; nothing was left half-done."""
