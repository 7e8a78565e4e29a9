"""What the machine learns: declarative seqio registrations. No jax here.

Elsewhere these modules are called `tasks.mini` and `t5lite.tasks.mini`, which are one; among
themselves they import relatively, for another package may be called `tasks` too.
"""

import t5lite  # noqa: F401  Makes the two names one, if nobody has yet.
