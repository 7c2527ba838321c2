"""Every setting of a run: frozen dataclasses, the two profiles, and inclusion sets by name.

Imports datasets, whose schemas settings are checked against; knows no torch.
"""

from mosaicreid.config.profiles import from_parameters, make_config
from mosaicreid.config.settings import Config

__all__ = ["Config", "from_parameters", "make_config"]
