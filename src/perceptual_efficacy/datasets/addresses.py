"""Where data sets of judged images are published, and on what terms.

Downloads need this module and `archives` alone.
"""

from typing import NamedTuple


class Archive(NamedTuple):
    """A file to download."""

    url: str
    checksum: str | None  # "sha256:..." or "md5:..."; None if none is published


class Source(NamedTuple):
    """Where the data set of a layout comes from."""

    files: tuple[Archive, ...]  # an archive, or several and a list; none where it is not to be had by address alone
    cite: str
    terms: str = "not stated with the data"
    obtain: str = ""  # how to get it where no file is known


_BAPPS = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"
_CASTLECSF = "https://raw.githubusercontent.com/gfxdisp/castleCSF/f4b0b722af83001d7af979281e06ca642d36e4e8/data"
_CSIQ = "https://s2.smu.edu/~eclarson/csiq"
_ZHANG = "Zhang, Isola, Efros, Shechtman, Wang 2018, arXiv 1801.03924"

SOURCES = {  # by layout
    "bapps_2afc": Source(
        (
            Archive(
                f"{_BAPPS}/twoafc_val.tar.gz", "sha256:41486671b06de923e7ba277c4797d4d9d86d609863ba35ecdb576133f8b9d859"
            ),
        ),
        _ZHANG,
    ),
    "bapps_jnd": Source((Archive(f"{_BAPPS}/jnd.tar.gz", None),), _ZHANG),
    "tid2013": Source(
        (Archive("https://ponomarenko.info/tid2013/tid2013.rar", "md5:2c42bec2407adc49cf4d7858daf8f99b"),),
        "Ponomarenko et al. 2015, Image database TID2013",
    ),
    "kadid10k": Source(
        (
            Archive(
                "https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip",
                # measured by others on 20 September 2026 (3,067,408,471 bytes); its publisher gives none
                "sha256:fe59ace86a2525d5785ff011a2119fa88839e0329f5029f7b23994727efd185c",
            ),
        ),
        "Lin, Hosu, Saupe 2019, KADID-10k: A Large-scale Artificially Distorted IQA Database",
        "freely available to the research community",
    ),
    "pipal": Source(
        (),
        "Gu et al. 2020, PIPAL, arXiv 2007.12142",
        obtain="its authors' page at GitHub, HaomingCai/PIPAL-dataset, leads to the folder of the training part",
    ),
    "csiq": Source(
        tuple(Archive(f"{_CSIQ}/{name}", None) for name in ("src_imgs.zip", "dst_imgs.zip", "csiq.DMOS.xlsx")),
        "Larson, Chandler 2010, Most apparent distortion",
    ),
    "live": Source(
        (),
        "Sheikh, Sabir, Bovik 2006, A statistical evaluation of recent full reference image quality algorithms",
        "use, copy, modify and distribute with its notice and a citation",
        obtain="a form at live.ece.utexas.edu/research/quality gives the password; the realigned opinions are apart",
    ),
    "castlecsf": Source(
        (
            Archive(
                f"{_CASTLECSF}/data_aggregated_merged.csv",
                # of that commit's file, as measured; its authors give none
                "sha256:df4c8b7873f47592c8ece92fe71f523da1cdfc595a09a29c98dad8705f89250e",
            ),
        ),
        "Ashraf, Mantiuk, Chapiro, Wuerger 2024, castleCSF, Journal of Vision 24(4)",
        "MIT licence",
    ),
}


def published(layout: str) -> Source:
    """Return where the data set of a layout is published; a ValueError if it cannot be downloaded."""
    source = SOURCES.get(layout)
    if source is None or not source.files:
        how = f" To get it: {source.obtain}." if source else ""
        raise ValueError(f"No archive is known for the layout {layout}.{how} Give the data set a `url` or a `path`.")
    return source
