"""Settings: what they take, what they refuse, and that they keep secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.config import SETTINGS, Settings, SettingsError, misspelt
from service.config.addresses import redact

if TYPE_CHECKING:
    from service.config import Setting

SECRET = "hunter2"  # noqa: S105 - it is to be looked for

GOOD = {
    "listen": ["127.0.0.1:0", "localhost:50051", "[::1]:50051", "0.0.0.0:1", "unix:/run/evenhand.sock", "unix:e.sock"],
    "metrics_listen": ["", "127.0.0.1:9464", "[::]:9464"],
    "redis_url": [
        "redis://host",
        "redis://host:6379/2",
        "redis://user:p%40ss@[::1]:6379/0",
        "redis://host?db=2",
        "rediss://:secret@host:6380",
        "unix:///run/redis.sock?db=1",
        "unix://:secret@/run/redis.sock",
        "redis+sentinel://host/mymaster",
        "redis+sentinel://user:p%40ss@host:26379,[::1]:26379,host2/mymaster/0?sentinel_password=x",
        "rediss+sentinel://:secret@host/mymaster/2?ssl_cert_reqs=none",
    ],
    "traces_endpoint": ["", "http://collector:4317", "https://[::1]:4317"],
    "log_format": ["console", "json"],
    "log_level": ["debug", "error"],
    "metrics_interval": ["200ms"],
    "workers": ["1", " 8 "],
    "redis_timeout": ["1", "250ms", "1.5s", "2 s"],
    "contact_retention": ["30d", "12h", "5m"],
    "drain": ["0", "0s"],
}

NO_HOSTS = ["a..b:1", ".:1", f"{'a' * 70}:1", "a\x00b:1"]
"""Addresses of hosts that no name server can be asked for."""

BAD = {
    "listen": [
        "50051",
        "127.0.0.1",
        ":50051",
        "::1:50051",
        "host:70000",
        "host:x",
        "a b:1",
        "unix:",
        "http://h:1",
        *NO_HOSTS,
    ],
    "metrics_listen": ["9464", "unix:/run/m.sock", *NO_HOSTS],
    "redis_url": [
        "host:6379",
        "http://host",
        "redis://",
        "redis://:6379",
        "redis://host:0",
        *(f"redis://{host}" for host in NO_HOSTS),
        *(f"redis+sentinel://host,{host}/mymaster" for host in NO_HOSTS),
        "redis://host:x",
        "redis://host/two",
        "redis://host?socket_timeout=x",
        "redis://host?sokcet_timeout=1",
        "unix://relative.sock",
        "rediss//host",
        "redis+sentinel://host",
        "redis+sentinel:///mymaster",
        "redis+sentinel://host,/mymaster",
        "redis+sentinel://host:0/mymaster",
        "redis+sentinel://host/mymaster/two",
        "redis+sentinel://host/mymaster?sokcet_timeout=1",
        "unix+sentinel://host/mymaster",
    ],
    "traces_endpoint": ["collector:4317", "grpc://collector:4317", "http://"],
    "log_format": ["xml"],
    "log_level": ["DEBUG", "trace"],
    "metrics_interval": ["0"],
    "metrics_pools": ["-1"],
    "workers": ["0", "-1", "2.5", "many", "1000"],
    "threads": ["0", "x"],
    "max_concurrent": ["0"],
    "redis_timeout": ["0", "-1s", "1 week", "nan", "inf", "s"],
    "contact_retention": ["0d", "999999999d"],
    "drain": ["-1", "1e3"],
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_takes_what_is_right(name: str, value: str) -> None:
    """Every form that the help names is taken, as option and as variable alike."""
    by_option = Settings.read({name: value}, {})
    by_variable = Settings.read({}, {f"EVENHAND_{name.upper()}": value})
    assert by_option == by_variable


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_refuses_what_is_wrong_by_the_name_that_the_user_wrote(name: str, value: str) -> None:
    """A wrong setting is refused in one line that begins with the option, or with the variable if that was used."""
    with pytest.raises(SettingsError) as by_option:
        Settings.read({name: value}, {})
    assert str(by_option.value).startswith(f"--{name.replace('_', '-')}: expected ")
    with pytest.raises(SettingsError) as by_variable:
        Settings.read({}, {f"EVENHAND_{name.upper()}": value})
    assert str(by_variable.value).startswith(f"EVENHAND_{name.upper()}: expected ")
    assert "\n" not in str(by_option.value)


def test_defaults() -> None:
    """With nothing said, the service is for this machine alone and brings its own Redis."""
    settings = Settings.read({}, {})
    assert (settings.listen, settings.redis_url, settings.workers) == ("127.0.0.1:50051", None, 1)
    assert settings.data_dir == Path(".evenhand")
    assert settings.contact_retention_s == 30 * 24 * 3600


def test_an_option_wins_over_its_variable() -> None:
    """What is typed now counts more than what the environment says, also when the latter is wrong."""
    assert Settings.read({"workers": "2"}, {"EVENHAND_WORKERS": "nonsense"}).workers == 2


def test_an_empty_option_or_variable_is_none() -> None:
    """`--redis-url ""` asks for the embedded Redis even where the environment names another."""
    assert Settings.read({"redis_url": ""}, {"EVENHAND_REDIS_URL": "redis://host"}).redis_url is None
    assert Settings.read({}, {"EVENHAND_WORKERS": ""}).workers == 1


def test_what_kubernetes_adds_for_a_service_called_evenhand_is_left_alone() -> None:
    """Variables such as EVENHAND_PORT, which Kubernetes sets on its own, are no settings and no errors."""
    Settings.read({}, {"EVENHAND_PORT": "tcp://10.0.0.1:50051", "EVENHAND_SERVICE_HOST": "10.0.0.1"})


def test_durations_are_seconds() -> None:
    """A duration has a unit, or is in seconds."""
    read = {text: Settings.read({"redis_timeout": text}, {}).redis_timeout_s for text in ("2", "250ms", "1.5s", "1m")}
    assert read == {"2": 2.0, "250ms": 0.25, "1.5s": 1.5, "1m": 60.0}


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@host:6379/0",
        f"rediss://user:{SECRET}@host",
        f"unix://:{SECRET}@/run/redis.sock",
        f"redis://host?password={SECRET}",
        f"redis://:p@{SECRET}@host",
        f"redis://us@er:{SECRET}@host:6379/0",
        f"redis+sentinel://user:{SECRET}@host,host2/mymaster?sentinel_password={SECRET}",
        f"redis://host:6379/0?password=a@{SECRET}",
        f"redis+sentinel://host:26379/mymaster?sentinel_password=a@{SECRET}",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    """Neither the settings nor the text for the ready line contain the password of the Redis URL."""
    settings = Settings.read({"redis_url": url}, {})
    assert SECRET not in repr(settings) + str(settings) + redact(url)


def test_a_url_from_a_file_may_end_its_line() -> None:
    """A Secret made from a file ends with a line break, which is no part of the URL."""
    assert Settings.read({}, {"EVENHAND_REDIS_URL": "redis://host:6379/0\n"}).redis_url == "redis://host:6379/0"


@pytest.mark.parametrize("url", [f"redis://:{SECRET}#@host", f"redis:/:{SECRET}@host", f"redis://:{SECRET}@host:x"])
def test_a_password_is_not_shown_in_an_error_either(url: str) -> None:
    """A URL that cannot be read is not repeated, since nobody knows where its password stands."""
    with pytest.raises(SettingsError) as refused:
        Settings.read({"redis_url": url}, {})
    assert SECRET not in str(refused.value)


OPTIONS = "expected options that there are, after the ?"
UNESCAPED = "expected user and password percent-encoded"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://host:x", "expected a port from 1 to 65535"),
        ("redis://:secret@host:70000", "expected a port from 1 to 65535"),
        ("redis://:secret@", "expected a host"),
        ("redis://:secret@a..b:1", "expected a host"),
        ("redis://host/two", "expected a number for the database, after the /"),
        ("redis://host?sokcet_timeout=1", f"{OPTIONS}: sokcet_timeout is unknown"),
        ("redis://host?socket_timeout=x", f"{OPTIONS}: socket_timeout is unknown, or has a wrong value"),
        (f"redis://u:p@h?{SECRET}=1@host", f"{OPTIONS}: one of them is unknown"),
        (f"redis://user:{SECRET}/x@host", UNESCAPED),
        (f"redis://:{SECRET}#@host", UNESCAPED),
        (f"redis://user:7#{SECRET}@host", UNESCAPED),
        (f"redis://:a?{SECRET}@host:6379", UNESCAPED),
        (
            "rediss://host?ssl_ca_certs=/nowhere/ca.pem",
            "expected a file for ssl_ca_certs: /nowhere/ca.pem is not there",
        ),
        (
            "rediss+sentinel://host/m?ssl_ca_certs=/nowhere/ca.pem",
            "expected a file for ssl_ca_certs: /nowhere/ca.pem is not there",
        ),
        ("http://host", "expected redis://"),
    ],
)
def test_what_is_wrong_with_a_redis_url_is_named(url: str, said: str) -> None:
    """Of a URL that cannot be used the part that is wrong is named, but never what may be a password."""
    with pytest.raises(SettingsError) as refused:
        Settings.read({"redis_url": url}, {})
    assert str(refused.value).startswith(f"--redis-url: {said}")
    assert SECRET not in str(refused.value)


def test_several_workers_cannot_share_a_unix_socket() -> None:
    """Workers share a port by SO_REUSEPORT, which unix sockets have not."""
    with pytest.raises(SettingsError, match=r"^--workers: .*unix socket"):
        Settings.read({"workers": "2", "listen": "unix:/tmp/e.sock"}, {})


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The folder's name is in the line, and the setting that named it."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^EVENHAND_DATA_DIR: cannot make .*file/data"):
        Settings.read({}, {"EVENHAND_DATA_DIR": str(tmp_path / "file" / "data")})
    assert Settings.read({"redis_url": "redis://host", "data_dir": str(tmp_path / "file" / "data")}, {})


def test_without_a_redis_and_a_place_for_one_the_redis_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody asked for a data folder, and there can be none, the line names what is missing: the Redis."""
    (tmp_path / ".evenhand").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^EVENHAND_REDIS_URL: neither it nor --redis-url .*File exists"):
        Settings.read({}, {})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_is_shown_as_it_would_be_typed(setting: Setting) -> None:
    """What help calls the default, typed as the option, changes nothing; unless the default is no value at all."""
    if setting.default in {"nowhere", "none", "one of our own"}:
        assert not getattr(Settings(), setting.field)
    else:
        assert Settings.read({setting.name: setting.default}, {}) == Settings()


def test_two_listeners_cannot_have_one_address() -> None:
    """The line names both settings; port 0 is another port each time."""
    with pytest.raises(SettingsError, match=r"^EVENHAND_METRICS_LISTEN: 127.0.0.1:9100 is where --listen is$"):
        Settings.read({"listen": "127.0.0.1:9100"}, {"EVENHAND_METRICS_LISTEN": "127.0.0.1:9100"})
    assert Settings.read({"listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0"}, {})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EVENHAND_REDIS_ULR", "EVENHAND_REDIS_URL"),
        ("EVENHAND_LOGLEVEL", "EVENHAND_LOG_LEVEL"),
        ("EVENHAND_METRIC_LISTEN", "EVENHAND_METRICS_LISTEN"),
        ("EVENHAND_WORKER", "EVENHAND_WORKERS"),
    ],
)
def test_a_misspelt_variable_is_found(name: str, meant: str) -> None:
    """What differs from a variable by a letter or two is told with the one that may be meant."""
    assert misspelt({"PATH": "/bin", name: "x", meant: "y"}) == [(name, meant)]


@pytest.mark.parametrize(
    "name",
    [
        *(setting.variable for setting in SETTINGS),
        *(f"EVENHAND_{name}" for name in ("SERVER", "WORKSPACE", "TIMEOUT", "TLS_CA", "LAB", "PORT", "PORT_2")),
        *(f"EVENHAND_{name}" for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GRPC", "PORT_50051_TCP_ADDR")),
    ],
)
def test_no_other_variable_is_taken_for_misspelt(name: str) -> None:
    """Neither settings are, nor what commands and Compose read, nor what Kubernetes adds for a service of that name."""
    assert misspelt({name: "x"}) == []
