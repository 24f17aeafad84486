"""Where the brokers are: every password is read as it stands, and none is ever repeated."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.broker import FOLDER, Broker, BrokerAddress, broker_address

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://host", BrokerAddress("host", 1883)),
        ("mqtts://host/", BrokerAddress("host", 8883, tls=True)),
        ("mqtt://10.0.0.1:1884", BrokerAddress("10.0.0.1", 1884)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtt://u@host", BrokerAddress("host", 1883, username="u")),
        ("mqtt://u:p@host", BrokerAddress("host", 1883, username="u", password="p")),
        ("mqtt://u:@host", BrokerAddress("host", 1883, username="u", password="")),
        ("mqtt://u:a#b/c?d@e:f@host:9", BrokerAddress("host", 9, False, "u", "a#b/c?d@e:f")),
        ("mqtt://u%3A:%E9%A6%86%25@host", BrokerAddress("host", 1883, False, "u:", "馆%")),
    ],
)
def test_addresses_are_taken_apart(url: str, address: BrokerAddress) -> None:
    assert broker_address(url) == address


@given(st.text(min_size=1).filter(lambda text: "%" not in text))
@example("pa#ss")
@example("a@b:c/d")
def test_a_password_without_percent_is_read_as_it_stands(password: str) -> None:
    assert broker_address(f"mqtt://user:{password}@host").password == password


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
@example("http://u:", "@host", "")
@example("mqtt://u:", "", "")
@example("mqtt://u:", "@", "")
@example("mqtt://u:", "@host:99999", "")
@example("mqtt://u:", "@ho st", "")
@example("mqtt://:", "@host", "")
@example("mqtt://", ":x@", "host:0")
@example("mqtt:/u:", "@host", "")
def test_no_message_repeats_a_password(before: str, after: str, more: str) -> None:
    url = before + SECRET + after + more
    for form in (url, [url], {"url": url}, {"url": [url, url]}, {"url": [{"url": url}]}):
        for text in words_about(form):
            assert SECRET not in text


def words_about(form: object) -> list[str]:
    """Give every text that is made of a wrong form; of a right one, what it shows of itself."""
    try:
        made = Broker.model_validate(form)
    except ValidationError as error:
        return [str(error), *(one["msg"] for one in error.errors())]
    shown = [repr(made), *(repr(address) for address in made.addresses)]
    secret = all(SECRET not in f"{one.host}{one.username}" for one in made.addresses)
    return shown if secret else []


def test_neither_an_address_nor_a_broker_shows_its_password() -> None:
    made = Broker.model_validate(f"mqtt://u:{SECRET}@host")
    for text in (repr(made), str(made), repr(made.addresses), str(made.addresses[0])):
        assert SECRET not in text


def test_one_url_a_list_or_a_mapping() -> None:
    one = Broker.model_validate("mqtt://a")
    assert one == Broker.model_validate(["mqtt://a"]) == Broker.model_validate({"url": "mqtt://a"})
    two = Broker.model_validate(["mqtt://a", "mqtts://b"])
    assert [str(address) for address in two.addresses] == ["a:1883", "b:8883"]


def test_paths_are_read_from_the_folder_of_the_file() -> None:
    given = {"url": "mqtts://a", "ca": "ca.pem", "cert": "/etc/me.pem", "key": "me.key"}
    made = Broker.model_validate(given, context={FOLDER: Path("/site")})
    assert (made.ca, made.cert, made.key) == (
        Path("/site/ca.pem"),
        Path("/etc/me.pem"),
        Path("/site/me.key"),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "at least 1"),
        (["mqtt://a", "mqtt://a:1883"], "named twice"),
        ({"url": "mqtts://a", "key": "k"}, "key without cert"),
        ({"url": "mqtt://a", "ca": "c"}, "for TLS"),
        (5, "dictionary"),
        ([5], "is not text"),
        ([f"mqtt://a:{one + 1}" for one in range(9)], "at most 8"),
        ("mqtt://a:0", "out of range"),
        ("mqtt://@a", "names a user"),
        ("mqtt://a/b", "write mqtt://host:1883"),
        ("http://a", "write mqtt://host:1883, or mqtts://"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Broker.model_validate(given)
