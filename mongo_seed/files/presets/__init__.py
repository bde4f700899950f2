"""Files of other programs: which they are, told by their columns, and their records as rows of ours."""

from __future__ import annotations

from mongo_seed.files.presets.preset import Preset

PRESETS: tuple[Preset, ...] = ()
