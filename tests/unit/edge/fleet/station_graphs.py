"""Small graphs of stations, connected or not."""

from hypothesis import strategies as st

from config.site import Fleet, Station

PLACES = ("a", "b", "c", "d", "e")


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    spots = st.integers(0, 30)
    stations = tuple(Station(id=one, x=draw(spots), y=draw(spots)) for one in PLACES)
    pairs = [(one, other) for one in PLACES for other in PLACES if one < other]
    return Fleet(stations=stations, ways=tuple(draw(st.sets(st.sampled_from(pairs), max_size=8))))
