"""Cannot be imported: needs a module that is not there."""

import module_that_is_not_there  # noqa: F401
