"""List the clips, labels and actors of corpora: one module a corpus, one function each."""

from collections.abc import Callable

from emotalk.config.etl import EtlConfig
from etl.corpora.crema_d import list_crema_d
from etl.corpora.folder import list_folder
from etl.corpora.listing import Listing
from etl.corpora.mead import list_mead

CORPORA: dict[str, Callable[[EtlConfig], Listing]] = {
    "crema_d": list_crema_d,
    "mead": list_mead,
    "folder": list_folder,
}


def list_clips(config: EtlConfig) -> Listing:
    """Return the clips of the configured corpus; nothing is opened, only names and tables read.

    Raises:
        WrongUse: the source is not there or is not laid out as the corpus is.
    """
    return CORPORA[config.corpus](config)
