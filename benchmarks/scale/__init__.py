"""How the registry grows: constants measured, a model of numbers, and a simulation at 1/1000."""
