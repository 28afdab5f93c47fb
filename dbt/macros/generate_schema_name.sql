{#- Names the schema of a layer, such as `dev_silver`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ env_var('DBT_ENV_PREFIX', 'dev') }}_{{ custom_schema_name or 'gold' }}
{%- endmacro %}
