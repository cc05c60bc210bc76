"""Networks of validators: their files, their processes, the hosts that they run on."""
