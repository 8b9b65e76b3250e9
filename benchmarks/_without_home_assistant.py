"""Lets the rooms of the integration be imported without Home Assistant.

Importing a room runs the integration's ``__init__`` first, which belongs to Home
Assistant. The rooms need nothing of it, so an empty package takes its place: what is
measured then is the engine and nothing else.
"""

import sys
from types import ModuleType

from benchmarks._process import ROOT

_PACKAGE = "custom_components.hikvision_nvr"

_package = ModuleType(_PACKAGE)
_package.__path__ = [str(ROOT / _PACKAGE.replace(".", "/"))]
sys.modules[_PACKAGE] = _package
