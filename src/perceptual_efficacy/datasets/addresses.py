"""Where data sets of judged images are published. Downloads need this module and `archives` alone."""

from typing import NamedTuple


class Archive(NamedTuple):
    """Where a data set is published."""

    url: str
    checksum: str | None  # "sha256:..." or "md5:..."; None if none is published


_BAPPS = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"

# by layout
ARCHIVES = {
    "bapps_2afc": Archive(
        f"{_BAPPS}/twoafc_val.tar.gz", "sha256:41486671b06de923e7ba277c4797d4d9d86d609863ba35ecdb576133f8b9d859"
    ),
    "bapps_jnd": Archive(f"{_BAPPS}/jnd.tar.gz", None),
    "tid2013": Archive("https://ponomarenko.info/tid2013/tid2013.rar", "md5:2c42bec2407adc49cf4d7858daf8f99b"),
}


def published(layout: str) -> Archive:
    """Return where the data set of a layout is published; a ValueError if it cannot be downloaded."""
    if layout not in ARCHIVES:
        raise ValueError(f"No archive is known for the layout {layout}. Give the data set a `url` or a `path`.")
    return ARCHIVES[layout]
