{#- A hook at the end of a command: what tests found goes to `<prefix>_gold.dq_results`, if the job says
    which run it is (`--vars 'run_id: ...'`). It holds names and counts, no rows. Of a task that a run
    repeats, the last attempt counts. -#}
{% macro record_test_results(results) -%}
  {%- set tests = results | selectattr('node.resource_type', 'equalto', 'test') | list -%}
  {%- if execute and var('run_id') and tests -%}
    {%- set table = api.Relation.create(
      database=target.catalog if target.type == 'databricks' else none,
      schema=generate_schema_name('gold', none) | trim,
      identifier='dq_results'
    ) -%}
    {%- do run_query(
      'create table if not exists ' ~ table ~ ' (run_id string, test string, severity string, '
      ~ 'status string, failures bigint, as_of timestamp) using delta'
    ) -%}
    merge into {{ table }} as known
    using (
      select '{{ var('run_id') }}' as run_id, test, severity, status, failures, {{ as_of_ts() }} as as_of
      from values
      {%- for result in tests %}
        (
          '{{ result.node.name }}', '{{ result.node.config.severity | lower }}', '{{ result.status }}',
          cast({{ result.failures if result.failures is not none else 'null' }} as bigint)
        ){{ ',' if not loop.last }}
      {%- endfor %}
        as found (test, severity, status, failures)
    ) as found
    on known.run_id = found.run_id and known.test = found.test
    when matched then update set *
    when not matched then insert *
  {%- endif -%}
{%- endmacro %}
