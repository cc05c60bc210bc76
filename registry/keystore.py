"""The registry's key store is the shared one."""

from ecert.keystore import Cost, Keystore

__all__ = ["Cost", "Keystore"]
