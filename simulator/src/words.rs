//! Words that sample records are made of.

/// First names, plain and accented.
pub(crate) const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bartosz", "Chloé", "Dmitri", "Emre", "Fatou", "Grace", "Håkon", "Ines", "José",
    "Kenji", "Łucja", "Minh", "Noor", "Óscar", "Zoë",
];
/// Last names.
pub(crate) const LAST_NAMES: [&str; 16] = [
    "Andersson",
    "Björk",
    "Çelik",
    "Dvořák",
    "Eriksen",
    "Ferreira",
    "García",
    "Hopper",
    "Ivanova",
    "Jørgensen",
    "Kowalczyk",
    "Lovelace",
    "Müller",
    "Nguyễn",
    "O'Brien",
    "山田",
];
/// First words of company names.
pub(crate) const COMPANIES: [&str; 12] = [
    "Aurora", "Blåvand", "Cumulus", "Delta", "Éclair", "Fjord", "Granite", "Helix", "Ibis",
    "Juniper", "Kestrel", "Lumen",
];
/// Last words of company names.
pub(crate) const BUSINESSES: [&str; 8] =
    ["Works", "Logistics", "Foods", "Systems", "& Sons", "Energy", "Labs", "貿易"];
/// City, country and postal code.
pub(crate) const PLACES: [(&str, &str, &str); 8] = [
    ("Berlin", "Germany", "10115"),
    ("Kraków", "Poland", "31-001"),
    ("Lyon", "France", "69001"),
    ("Málaga", "Spain", "29001"),
    ("Osaka", "Japan", "530-0001"),
    ("Portland", "United States", "97201"),
    ("São Paulo", "Brazil", "01000-000"),
    ("Zürich", "Switzerland", "8001"),
];
/// What people write, with all that a parser may stumble over.
pub(crate) const REMARKS: [&str; 5] = [
    "Prefers to be called in the morning.",
    "Asked for a quote, \"net 30\", twice.",
    "First line.\nSecond line; with a semicolon, and a comma.",
    "Treffen im März ☕ vereinbart.",
    "重要なお客様",
];
