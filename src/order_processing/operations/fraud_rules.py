"""The fraud rules' thresholds as a file says them, read again whenever it changes."""

from pathlib import Path

import msgspec

from order_processing.domain import FraudPolicy
from order_processing.errors import TransientError


class FraudRulesError(TransientError):
    """The file of the fraud rules makes no sense, so orders wait until somebody repairs it; none is cleared."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"FRAUD_RULES_FILE {path}: {reason}; repair it, orders wait for it")
        self.path = path
        self.reason = reason


class FraudRules:
    """A JSON file with any of the fields of ``FraudPolicy``; what it does not name, or without a file, is as usual."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._policy = FraudPolicy()

    def current(self) -> FraudPolicy:
        """The thresholds now.

        Raises:
            FraudRulesError: the file cannot be read, has unknown fields, or values that make no sense.
        """
        if self._path is None:
            return self._policy
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._policy = msgspec.json.decode(self._path.read_bytes(), type=FraudPolicy)
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._policy = None, FraudPolicy()
        except (OSError, msgspec.DecodeError) as error:
            self._stamp = None
            raise FraudRulesError(self._path, str(error)) from error
        return self._policy
