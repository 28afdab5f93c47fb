"""What the environment may say."""

from headwater.settings import read_settings, secret_variable


def test_defaults_need_no_variable() -> None:
    settings = read_settings({})
    assert (settings.driver_memory, settings.java_home) == ("2g", None)
    assert settings.cache.name == "headwater"


def test_variables_win() -> None:
    settings = read_settings(
        {"HEADWATER_CACHE": "/c", "HEADWATER_JVM_OPTIONS": "-Xss4m -ea", "HEADWATER_USER": "ann"}
    )
    assert str(settings.cache) == "/c"
    assert settings.jvm_options == ("-Xss4m", "-ea")
    assert settings.user_name == "ann"


def test_secret_variable_is_a_plain_name() -> None:
    assert secret_variable("my scope", "api-key") == "HEADWATER_SECRET_MY_SCOPE_API_KEY"
