# Home Assistant puts probatio in voluptuous' place when it starts, and its own
# functions ask for probatio's types. mypy has to see what runs.
from probatio import *
