"""Words that names and addresses are made of; each name carries a number, so that none is real."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words(
    "Adela Birgit Carmela Doreen Elvira Frieda Gudrun Hedwig Inés Jolanda Klara Lavinia Mirabel "
    "Noémie Odile Petra Quirina Rosalba Sünje Tamsin Ulrike Verena Wilma Xenia Yolande Zoë"
)
MEN = _words(
    "Alaric Bertram Caspian Dietmar Emeric Florin Gernot Hartwig Ingmar Joscha Kilian Lorcan "
    "Matthis Norwin Oswin Pascual Quentin Rurik Severin Tibor Ulmar Víctor Wendel Xaver Yannic Zeno"
)
FAMILIES = _words(
    "Amberfield Brackwater Cloverby Dunmarrow Elmsworth Fernhollow Greywick Hazelbrook Irongate "
    "Juniperson Kestrelby Larkmoor Mapleton-Vale Nettlecombe Oakhanger Pebbleworth Quillfeather "
    "Rushbottom Saltmarsh Thistledown Underwillow Vinterholm Wrenfield Yarrowby Zephyrson O'Marrow"
)
STREETS = _words("Alder Birch Cedar Dogwood Elder Fir Gorse Hazel Ivy Juniper Larch Myrtle")
ENDINGS = _words("Way Lane Row Crossing Hill Path Square Terrace")

TOWNS = (  # town, county, ZIP: some lost, as in Synthea's own files
    ("Northbrook Falls", "Middlesex County", "02155"),
    ("Harborview", "Barnstable County", "02653"),
    ("Stonewall Green", "Worcester County", ""),
    ("Applegate", "Essex County", "01915"),
    ("Willow Bend", "Norfolk County", "02188"),
    ("Copper Ridge", "Berkshire County", "01201"),
    ("Fox Landing", "Plymouth County", ""),
    ("Mill Crossing", "Hampden County", "01104"),
    ("Seagrass", "Bristol County", "02703"),
    ("Quarry Heights", "Suffolk County", ""),
    ("Old Orchard", "Hampshire County", "01060"),
    ("Lone Pine", "Franklin County", "03609"),  # a prefix that too few people live in
    ("Marsh End", "Franklin County", "01301"),
)
CARE = ("GENERAL HOSPITAL", "MEDICAL CENTER", "URGENT CARE", "FAMILY CLINIC", "HEALTH CARE LLC")
SPECIALITIES = ("GENERAL PRACTICE", "INTERNAL MEDICINE", "NURSE PRACTITIONER", "PHYSICAL THERAPY")
RACES = ("white",) * 16 + ("black",) * 3 + ("asian",) * 2 + ("hawaiian", "native")
