"""Evaluate dataset functions: run user code with its reads answered by the pipeline."""

from __future__ import annotations

from pyspark.sql import DataFrame

from headwater.errors import DefinitionError, HeadwaterError
from headwater.graph.arguments import not_built
from headwater.graph.locations import function_location, run_at, user_line
from headwater.graph.model import Flow
from headwater.graph.sql_query import sql_query_of
from headwater.machine.session import activate
from headwater.sandbox.evaluation import Evaluation
from headwater.sandbox.failures import explained
from headwater.sandbox.interception import intercepted
from headwater.sandbox.workspace_functions import refusal_behind


def evaluate(flow: Flow, evaluation: Evaluation) -> DataFrame:
    """Run a flow's function and return its DataFrame.

    Raises:
        HeadwaterError: what `answer_of` raises, or no DataFrame was returned.
    """
    frame = answer_of(flow, evaluation)
    if not isinstance(frame, DataFrame):
        raise DefinitionError(
            "DATASET_WITHOUT_DATAFRAME",
            f"The function of '{flow.target}' returned {type(frame).__name__}, not a DataFrame",
            where=run_at(flow.location, function_location, flow.query),
            hint="End the function with `return df`.",
            dataset=str(flow.target),
        )
    return frame


def answer_of(flow: Flow, evaluation: Evaluation, *arguments: object) -> object:
    """Run a flow's function and return what it returns.

    Raises:
        HeadwaterError: what the function did wrong, with the user's file and line: an action,
            an unknown table, an analysis error, or any other exception.
    """
    activate(evaluation.spark)
    with intercepted(evaluation):
        try:
            answer = run_at(flow.location, flow.query, *arguments)
        except HeadwaterError:
            raise
        except (Exception, SystemExit) as error:
            if evaluation.refused:
                raise evaluation.refused from None
            raise _query_fault(flow, evaluation, error) from error
        finally:
            evaluation.drop_views()
    if evaluation.refused:
        raise evaluation.refused
    return answer


def _query_fault(flow: Flow, evaluation: Evaluation, error: BaseException) -> DefinitionError:
    query = sql_query_of(flow.query)
    in_text = query.place_of(error) if query is not None else None
    where = in_text or user_line(error, flow.location)
    refused = refusal_behind(error)
    if refused is not None:
        return run_at(where, not_built, *refused)
    said = explained(error)
    hint = "Fix the query at that line."
    if evaluation.looks:
        hint = "While a pipeline is planned, collect() and the like see no rows: allow for that."
    elif "UNBOUND_SQL_PARAMETER" in said:
        hint = (
            "Declare it under `parameters` of the pipeline (not `configuration`), or pass `args`."
        )
    return DefinitionError(
        "QUERY_INVALID",
        f"The query of '{flow.target}' can't be built: {said}",
        where=where,
        hint=hint,
        dataset=str(flow.target),
        exception=type(error).__name__,
    )
