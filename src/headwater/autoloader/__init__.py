"""Auto Loader: `cloudFiles` and `read_files` on Spark's own readers."""

from headwater.autoloader.backlog import FileBacklog
from headwater.autoloader.batch import define_batch, open_batch
from headwater.autoloader.cleaning import clean_source, cleans_source, written_folders
from headwater.autoloader.discovery import base_folder
from headwater.autoloader.failures import explain_failure
from headwater.autoloader.options import check_options, ignored_options, unused_options
from headwater.autoloader.readers import Reader, check_order
from headwater.autoloader.relocation import follow_move
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.states import (
    file_states,
    ingestion_states,
    listing_digest,
    waiting_files,
)
from headwater.autoloader.stream import define_stream, open_stream

__all__ = [
    "CloudFiles",
    "FileBacklog",
    "Reader",
    "SourceState",
    "base_folder",
    "check_options",
    "check_order",
    "clean_source",
    "cleans_source",
    "define_batch",
    "define_stream",
    "explain_failure",
    "file_states",
    "follow_move",
    "ignored_options",
    "ingestion_states",
    "listing_digest",
    "open_batch",
    "open_stream",
    "unused_options",
    "waiting_files",
    "written_folders",
]
