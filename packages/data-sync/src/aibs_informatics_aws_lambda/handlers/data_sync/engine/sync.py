"""`Engine` under its former import path, for scripts outside of this package.

It is defined in `sync.engine`.
"""

from ..sync.engine import Engine as Engine
