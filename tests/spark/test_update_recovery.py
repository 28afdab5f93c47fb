"""After a failure: refresh what failed, or let a flow read everything again."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import UsageError

SOURCE = """
    import dlt

    @dlt.table
    def fine():
        return spark.readStream.schema("id INT").json("VOLUME")

    @dlt.table
    @dlt.expect_or_fail("small", "id < LIMIT")
    def failing():
        return dlt.read_stream("fine")

    @dlt.table
    def after():
        return dlt.read("failing")
"""


def statuses(project: Project, **request: object) -> dict[str, str]:
    return {flow.flow: flow.status for flow in project.run(**request).flows}


def test_only_what_failed_is_refreshed(project: Project) -> None:
    project.write(SOURCE.replace("LIMIT", "2"))
    for number in (1, 2):
        (project.landing / f"{number}.json").write_text(f'{{"id":{number}}}')
    assert statuses(project) == {"fine": "COMPLETED", "failing": "FAILED", "after": "SKIPPED"}
    project.write(SOURCE.replace("LIMIT", "5"))
    (project.landing / "3.json").write_text('{"id":3}')
    found = statuses(project, refresh_failed=True)
    assert found == {"fine": "EXCLUDED", "failing": "COMPLETED", "after": "COMPLETED"}
    assert project.values("SELECT id FROM SCHEMA.after") == [1, 2]
    with pytest.raises(UsageError) as caught:
        project.run(refresh_failed=True)
    assert caught.value.code == "NOTHING_FAILED"


def test_flow_without_checkpoint_reads_again_and_its_table_keeps_its_rows(project: Project) -> None:
    project.write(SOURCE.replace("LIMIT", "5"))
    (project.landing / "1.json").write_text('{"id":1}')
    project.run()
    project.run(reset_checkpoints=("failing",), refresh=("failing",))
    assert project.values("SELECT id FROM SCHEMA.fine") == [1]
    assert project.values("SELECT id FROM SCHEMA.failing") == [1, 1]
    project.run()
    assert project.values("SELECT id FROM SCHEMA.failing") == [1, 1]
    for name in ("failin", f"main.{project.schema}.none"):
        with pytest.raises(UsageError) as caught:
            project.run(reset_checkpoints=(name,))
        assert caught.value.code == "FLOW_UNKNOWN"


AWAY = """
    from pathlib import Path
    from pyspark import pipelines as dp

    troubles = Path("TROUBLES")

    @dp.foreach_batch_sink(name="service")
    def send(rows, number):
        left = int(troubles.read_text())
        troubles.write_text(str(left - 1))
        if left > 0:
            raise ConnectionResetError("Connection reset by peer")

    @dp.append_flow(target="service")
    def sent():
        return spark.readStream.schema("id INT").json("VOLUME")
"""


@pytest.mark.parametrize(
    ("failures", "mode", "causes"),
    [
        (3, "production", ["USER_ACTION", "RETRY_ON_FAILURE"]),
        (9, "production", ["USER_ACTION", "RETRY_ON_FAILURE"]),
        (9, "development", ["USER_ACTION"]),
    ],
)
def test_update_whose_failure_may_mend_is_started_again(
    project: Project, failures: int, mode: str, causes: list[str]
) -> None:
    troubles = project.folder / "troubles"
    troubles.write_text(str(failures))
    project.configure(
        {"pipelines.maxFlowRetryAttempts": "1", "pipelines.numUpdateRetryAttempts": "1"},
        development=mode == "development",
    )
    project.write(AWAY.replace("TROUBLES", str(troubles)))
    (project.landing / "1.json").write_text('{"id":1}')
    result = project.run()
    assert result.state == ("COMPLETED" if failures == 3 else "FAILED")
    assert failures - int(troubles.read_text()) == 2 * len(causes)
    created = [
        each["details"]["create_update"]["cause"]
        for each in project.events(update_id=None)
        if each["event_type"] == "create_update"
    ]
    assert created == causes


def test_flow_that_was_stopped_while_it_wrote_down_its_first_batch_goes_on(
    project: Project,
) -> None:
    project.write(SOURCE.replace("LIMIT", "2"))
    (project.landing / "2.json").write_text('{"id":2}')
    assert statuses(project)["failing"] == "FAILED"
    (begun,) = project.store.root.glob("pipelines/flow/checkpoints/*failing*/*/*/offsets/0")
    begun.rename(begun.with_name(".0.555eb89d.tmp"))  # as the end of another flow leaves it
    project.write(SOURCE.replace("LIMIT", "5"))
    assert statuses(project)["failing"] == "COMPLETED"
    assert project.values("SELECT id FROM SCHEMA.failing") == [2]
