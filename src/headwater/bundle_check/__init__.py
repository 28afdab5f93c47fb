"""The check of a bundle, target by target, without a workspace and without the Databricks CLI.

`check_bundle` is the way in. Fields are tables, written from Databricks' public reference; each
other rule is a function from what a target sees to findings.
"""

from headwater.bundle_check.check import Check, check_bundle

__all__ = ["Check", "check_bundle"]
