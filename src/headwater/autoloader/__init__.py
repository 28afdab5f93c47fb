"""Auto Loader: `cloudFiles` sources on Spark's own file streams."""

from headwater.autoloader.failures import explain_failure
from headwater.autoloader.options import check_options
from headwater.autoloader.relocation import follow_move
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.states import file_states, listing_digest
from headwater.autoloader.stream import define_stream, open_stream

__all__ = [
    "CloudFiles",
    "SourceState",
    "check_options",
    "define_stream",
    "explain_failure",
    "file_states",
    "follow_move",
    "listing_digest",
    "open_stream",
]
