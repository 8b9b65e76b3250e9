"""The aioftp under the receiver is the one that this run is about."""

import os

import aioftp


def test_version_is_the_one_that_was_asked_for() -> None:
    # scripts/test names one for its run on the old end of the manifest's range.
    wanted = os.environ.get("HIKVISION_NVR_AIOFTP", "0.28")
    assert aioftp.__version__.startswith(wanted), aioftp.__file__
