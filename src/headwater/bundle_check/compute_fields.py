"""Fields of compute: clusters of jobs and pipelines, libraries, init scripts.

Source: Clusters API 2.1 and "Library" of the Jobs API 2.2, read November 2026. What only one cloud
knows (`aws_attributes` and the like) is not looked into.
"""

from __future__ import annotations

from headwater.bundle.shapes import (
    ANY,
    FLAG,
    NUMBER,
    TEXT,
    each,
    fields,
    list_of,
    named,
)

_AUTOSCALE = fields(**named(NUMBER, "max_workers min_workers"), mode=TEXT)
_DESTINATION = fields(destination=TEXT)
_INIT_SCRIPT = fields(
    **named(_DESTINATION, "abfss dbfs file gcs volumes workspace"),
    s3=ANY,
)
CLUSTER_KEYS = {
    **named(
        ANY,
        "aws_attributes azure_attributes cluster_log_conf docker_image "
        "driver_node_type_flexibility gcp_attributes worker_node_type_flexibility workload_type",
    ),
    **named(
        TEXT,
        "cluster_name data_security_mode dependency_mode driver_instance_pool_id "
        "driver_node_type_id instance_pool_id kind node_type_id policy_id runtime_engine "
        "single_user_name spark_version",
    ),
    **named(
        NUMBER,
        "autotermination_minutes num_workers remote_disk_throughput total_initial_remote_disk_size",
    ),
    **named(
        FLAG,
        "apply_policy_default_values enable_elastic_disk enable_local_disk_encryption "
        "is_single_node use_ml_runtime",
    ),
    **named(each(TEXT), "custom_tags spark_conf spark_env_vars"),
    "autoscale": _AUTOSCALE,
    "init_scripts": list_of(_INIT_SCRIPT),
    "ssh_public_keys": list_of(TEXT),
}
CLUSTER = fields(**CLUSTER_KEYS)
PIPELINE_CLUSTER = fields(
    **named(
        ANY, "aws_attributes azure_attributes cluster_log_conf custom_tags gcp_attributes label"
    ),
    **named(
        TEXT,
        "driver_instance_pool_id driver_node_type_id instance_pool_id node_type_id policy_id",
    ),
    **named(FLAG, "apply_policy_default_values enable_local_disk_encryption"),
    **named(each(TEXT), "spark_conf spark_env_vars"),
    autoscale=_AUTOSCALE,
    init_scripts=list_of(_INIT_SCRIPT),
    num_workers=NUMBER,
    ssh_public_keys=list_of(TEXT),
)
LIBRARY = fields(
    **named(TEXT, "egg jar requirements whl"),
    cran=fields(package=TEXT, repo=TEXT),
    maven=fields(coordinates=TEXT, exclusions=list_of(TEXT), repo=TEXT),
    pypi=fields(package=TEXT, repo=TEXT),
)
