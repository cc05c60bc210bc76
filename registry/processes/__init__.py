"""Work for several cores, done by processes of this program's own."""

from registry.processes.pool import Mapper, Pool

__all__ = ["Mapper", "Pool"]
