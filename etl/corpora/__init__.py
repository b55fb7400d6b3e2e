"""List the clips, labels and actors of a corpus: one module a corpus, named as in the settings."""

from importlib import import_module

from emotalk.config.etl import EtlConfig
from etl.corpora.listing import Listing


def list_clips(config: EtlConfig) -> Listing:
    """Return the clips of the configured corpus; only names and tables are read.

    `etl/corpora/NAME.py` lists the corpus NAME by a function of this name.

    Raises:
        WrongUse: the source is missing or is not laid out as the corpus is.
    """
    listing: Listing = import_module(f"{__name__}.{config.corpus}").list_clips(config)
    return listing
