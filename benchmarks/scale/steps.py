"""The steps of growth that docs/scale.md works out."""

from dataclasses import replace

from benchmarks.scale.growth import Workload
from ecert.limits import MAX_TREE_SIZE

CITY = Workload(
    name="1 million",
    certificates=1_000_000,
    streams=0,
    holders=300_000,
    departments=60,
    years=1,
)
PROVINCE = Workload(
    name="100 million",
    certificates=100_000_000,
    streams=0,
    holders=30_000_000,
    departments=600,
    years=3,
)
COUNTRY = Workload(
    name="20 billion",
    certificates=200_000_000,
    streams=19_800_000_000,
    holders=30_000_000,
    departments=6_000,
    years=10,
)
COUNTRY_LARGE_TREES = replace(COUNTRY, name="with large trees", stream_tree=MAX_TREE_SIZE)
REGIONS = 30
REGION = replace(COUNTRY_LARGE_TREES.part(REGIONS), name=f"one of {REGIONS} regions")

STEPS = (CITY, PROVINCE, COUNTRY, COUNTRY_LARGE_TREES, REGION)
