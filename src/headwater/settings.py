"""The environment variables that Headwater reads; no other module looks at the environment.

What does not live here: bundle variables (`BUNDLE_VAR_*`), which `bundle` gets as a mapping,
and secrets, which `dbutils.secrets` reads by name through `secret`.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Settings of this machine, from the environment.

    Attributes:
        cache: folder for jars and class-data archives; shared by all projects of a user.
        java_home: `JAVA_HOME` as set, or None.
        repository: `HEADWATER_MAVEN_REPOSITORY`, the address of a mirror of Maven Central.
        driver_memory: heap of the Spark driver, such as `2g` (`HEADWATER_DRIVER_MEMORY`).
        jvm_options: extra options of the driver's JVM (`HEADWATER_JVM_OPTIONS`).
        storage: `AZURE_STORAGE_CONNECTION_STRING`, the account that `abfs://` paths are in.
        user_name: who runs this; used for names in development mode (`HEADWATER_USER`).
    """

    cache: Path
    java_home: str | None
    repository: str | None
    driver_memory: str
    jvm_options: tuple[str, ...]
    user_name: str
    storage: str | None = field(default=None, repr=False)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment`, the process's own when none is given."""
    env = os.environ if environment is None else environment
    base = env.get("HEADWATER_CACHE") or os.path.join(  # noqa: PTH118 - may hold no home folder
        env.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),  # noqa: PTH111
        "headwater",
    )
    return Settings(
        cache=Path(base).absolute(),
        java_home=env.get("JAVA_HOME") or None,
        repository=env.get("HEADWATER_MAVEN_REPOSITORY") or None,
        driver_memory=env.get("HEADWATER_DRIVER_MEMORY") or "2g",
        jvm_options=tuple((env.get("HEADWATER_JVM_OPTIONS") or "").split()),
        user_name=env.get("HEADWATER_USER") or _login_name(),
        storage=env.get("AZURE_STORAGE_CONNECTION_STRING") or None,
    )


@dataclass(frozen=True)
class LandingSettings:
    """Settings of event sources, from the environment or a file `.env` in the current folder.

    Attributes:
        namespace: `EVENTHUBS_NAMESPACE`, the short name, a host, or `host:port`.
        event_hub: `EVENT_HUB_NAME`.
        connection_string: `CONNECTION_STRING`, with the key to listen.
        storage: `AZURE_STORAGE_CONNECTION_STRING`, of the account to land in.
        storage_sas: `AZURE_STORAGE_SAS_TOKEN`, instead of it.
    """

    namespace: str | None
    event_hub: str | None
    connection_string: str | None = field(repr=False)
    storage: str | None = field(repr=False)
    storage_sas: str | None = field(repr=False)


def read_landing_settings(environment: Mapping[str, str] | None = None) -> LandingSettings:
    """Read the settings from `environment`, or from `.env` and above it the process's own.

    A placeholder of `.env.example`, such as `<your-eventhub-name>`, counts as not set.
    """
    env = {**_dotenv(), **os.environ} if environment is None else dict(environment)

    def read(name: str) -> str | None:
        value = (env.get(name) or "").strip()
        return None if not value or value.startswith("<") else value

    return LandingSettings(
        namespace=read("EVENTHUBS_NAMESPACE"),
        event_hub=read("EVENT_HUB_NAME"),
        connection_string=read("CONNECTION_STRING"),
        storage=read("AZURE_STORAGE_CONNECTION_STRING"),
        storage_sas=read("AZURE_STORAGE_SAS_TOKEN"),
    )


def _dotenv() -> dict[str, str]:
    from dotenv import dotenv_values  # here: seldom needed

    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return "local"


def bundle_environment() -> Mapping[str, str]:
    """Return the `BUNDLE_VAR_*` part of the environment."""
    return {key: value for key, value in os.environ.items() if key.startswith("BUNDLE_VAR_")}


def secret(scope: str, key: str) -> str | None:
    """Read the local value of the secret `scope`/`key`: `HEADWATER_SECRET_<SCOPE>_<KEY>`.

    Characters other than the letters A to Z and digits become `_`; case does not matter.
    """
    return os.environ.get(secret_variable(scope, key))


def secret_variable(scope: str, key: str) -> str:
    """Name the environment variable that holds the secret `scope`/`key`."""
    joined = f"HEADWATER_SECRET_{scope}_{key}".upper()
    return re.sub(r"[^A-Z0-9]", "_", joined)


def process_environment() -> dict[str, str]:
    """Copy the environment for a child process."""
    return dict(os.environ)


def environment_without(names: Collection[str]) -> dict[str, str]:
    """Return the process's environment for a program to start, but for some variables."""
    return {name: each for name, each in os.environ.items() if name not in names}


def is_workspace() -> bool:
    """Return whether this process runs on compute of a workspace."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def chosen_profiles() -> str | None:
    """Return `DBT_PROFILES_DIR`, the folder of the user's connections of dbt."""
    return os.environ.get("DBT_PROFILES_DIR") or None


@contextmanager
def environment_with(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for the length of a `with` block, for a library's sake."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
