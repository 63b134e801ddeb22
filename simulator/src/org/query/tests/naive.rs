//! What an evaluator finds that looks at every row and cannot be wrong: it knows plain structs and
//! has no index, no plan and no lookup.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Days, NaiveDate, Utc};
use proptest::{option, prelude::*, sample::select};
use serde_json::json;

use crate::{
    Id,
    org::{Org, Scope, Writer},
    schema::Schema,
    value::Value,
};

/// Read once: there are hundreds of orgs.
static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::sample);

/// An account.
#[derive(Debug, Clone)]
struct Account {
    name: String,
    revenue: Option<i32>,
    employees: Option<u32>,
    start: Option<NaiveDate>,
    active: bool,
    /// The number of an earlier account.
    parent: Option<usize>,
    /// The last names of its contacts.
    contacts: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Revenue,
    Employees,
    Start,
    Active,
    ParentName,
}

/// A value as the tests know it; ordered within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Plain {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Date(NaiveDate),
}

#[derive(Debug, Clone)]
enum Test {
    Compare(Field, &'static str, Plain),
    In(Field, bool, Vec<Plain>),
    Like(String),
}

#[derive(Debug, Clone)]
enum Tree {
    Test(Test),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
}

/// A join with the contacts: whether it is an anti-join, and the last name asked for.
type Join = (bool, String);

fn day(offset: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 2, 27).unwrap() + Days::new(offset)
}

const FIELDS: [(Field, &str); 6] = [
    (Field::Name, "Name"),
    (Field::Revenue, "AnnualRevenue"),
    (Field::Employees, "NumberOfEmployees"),
    (Field::Start, "Contract_Start__c"),
    (Field::Active, "Active__c"),
    (Field::ParentName, "Parent.Name"),
];

impl Field {
    fn name(self) -> &'static str {
        FIELDS[self as usize].1
    }

    fn of(self, accounts: &[Account], account: &Account) -> Plain {
        let number = |number: Option<i64>| number.map_or(Plain::Null, Plain::Number);
        // Text is compared without its case.
        let text = |text: &str| Plain::Text(text.to_lowercase());
        match self {
            Self::Name => text(&account.name),
            Self::Revenue => number(account.revenue.map(i64::from)),
            Self::Employees => number(account.employees.map(i64::from)),
            Self::Start => account.start.map_or(Plain::Null, Plain::Date),
            Self::Active => Plain::Bool(account.active),
            Self::ParentName => {
                account.parent.map_or(Plain::Null, |parent| text(&accounts[parent].name))
            }
        }
    }
}

impl Plain {
    fn soql(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("'{text}'"),
            Self::Date(date) => date.to_string(),
        }
    }

    fn lower(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.to_lowercase()),
            other => other.clone(),
        }
    }
}

impl Tree {
    fn soql(&self) -> String {
        let joined = |parts: &[Tree], word: &str| {
            let parts: Vec<String> = parts.iter().map(Tree::soql).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::All(parts) => joined(parts, " AND "),
            Self::Any(parts) => joined(parts, " OR "),
            Self::Not(part) => format!("(NOT {})", part.soql()),
            Self::Test(Test::Compare(field, operator, value)) => {
                format!("{} {operator} {}", field.name(), value.soql())
            }
            Self::Test(Test::In(field, negated, values)) => {
                let values: Vec<String> = values.iter().map(Plain::soql).collect();
                let word = if *negated { "NOT IN" } else { "IN" };
                format!("{} {word} ({})", field.name(), values.join(", "))
            }
            Self::Test(Test::Like(pattern)) => format!("Name LIKE '{pattern}'"),
        }
    }

    fn holds(&self, accounts: &[Account], account: &Account) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(accounts, account)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(accounts, account)),
            Self::Not(part) => !part.holds(accounts, account),
            Self::Test(Test::Compare(field, operator, wanted)) => {
                let (value, wanted) = (field.of(accounts, account), wanted.lower());
                let is_known = value != Plain::Null && wanted != Plain::Null;
                match *operator {
                    "=" => value == wanted,
                    "!=" => value != wanted,
                    "<" => is_known && value < wanted,
                    "<=" => is_known && value <= wanted,
                    ">" => is_known && value > wanted,
                    _ => is_known && value >= wanted,
                }
            }
            Self::Test(Test::In(field, negated, values)) => {
                let value = field.of(accounts, account);
                values.iter().any(|wanted| wanted.lower() == value) != *negated
            }
            Self::Test(Test::Like(pattern)) => {
                like(&account.name.to_lowercase(), &pattern.to_lowercase())
            }
        }
    }
}

fn like(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[1..];
    match first {
        '%' => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        '_' => !text.is_empty() && like(&text[1..], rest),
        letter => text.starts_with(letter) && like(&text[1..], rest),
    }
}

fn account() -> impl Strategy<Value = Account> {
    let contacts = prop::collection::vec("[xyz]", 0..3);
    let numbers = (option::of(0..7), option::of(0..4_u32), option::of(0..4_u64));
    ("[abAB]{1,3}", numbers, any::<bool>(), option::of(0..12_usize), contacts).prop_map(
        |(name, (revenue, employees, start), active, parent, contacts)| Account {
            name,
            revenue,
            employees,
            start: start.map(day),
            active,
            parent,
            contacts,
        },
    )
}

fn accounts() -> impl Strategy<Value = Vec<Account>> {
    prop::collection::vec(account(), 0..12).prop_map(|mut accounts| {
        for (number, account) in accounts.iter_mut().enumerate() {
            account.parent = account.parent.filter(|parent| *parent < number);
        }
        accounts
    })
}

fn value(field: Field) -> BoxedStrategy<Plain> {
    let some = match field {
        Field::Name | Field::ParentName => "[abAB]{1,3}".prop_map(Plain::Text).boxed(),
        Field::Revenue => (-1..7_i64).prop_map(Plain::Number).boxed(),
        Field::Employees => (0..4_i64).prop_map(Plain::Number).boxed(),
        Field::Start => (0..4_u64).prop_map(|offset| Plain::Date(day(offset))).boxed(),
        Field::Active => any::<bool>().prop_map(Plain::Bool).boxed(),
    };
    prop_oneof![5 => some, 1 => Just(Plain::Null)].boxed()
}

fn field() -> impl Strategy<Value = Field> {
    select(FIELDS.map(|(field, _)| field).to_vec())
}

fn test() -> impl Strategy<Value = Test> {
    let compare = field().prop_flat_map(|field| {
        let all = ["=", "!=", "<", "<=", ">", ">="];
        let allowed = if matches!(field, Field::Active) { &all[..2] } else { &all[..] };
        (Just(field), select(allowed.to_vec()), value(field))
            .prop_map(|(field, operator, value)| Test::Compare(field, operator, value))
    });
    let list = (field(), any::<bool>()).prop_flat_map(|(field, negated)| {
        prop::collection::vec(value(field), 1..4)
            .prop_map(move |values| Test::In(field, negated, values))
    });
    prop_oneof![3 => compare, 1 => list, 1 => "[abAB%_]{0,4}".prop_map(Test::Like)]
}

fn tree() -> impl Strategy<Value = Tree> {
    test().prop_map(Tree::Test).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::Any),
            inner.prop_map(|part| Tree::Not(Box::new(part))),
        ]
    })
}

/// An org with these accounts, and their ids.
fn org(accounts: &[Account]) -> (Org, Vec<Id>) {
    let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut org = Org::new(SCHEMA.clone(), Arc::new(move || now));
    let writer = Writer::from(org.integration_user());
    let mut ids: Vec<Id> = Vec::new();
    for account in accounts {
        let body = json!({
            "Name": account.name, "AnnualRevenue": account.revenue,
            "NumberOfEmployees": account.employees, "Contract_Start__c": account.start,
            "Active__c": account.active,
            "ParentId": account.parent.map(|parent| ids[parent].to_string()),
        });
        let id = org.create(writer, "Account", body.as_object().unwrap()).unwrap();
        ids.push(id);
        for name in &account.contacts {
            let body = json!({"LastName": name, "AccountId": id.to_string()});
            org.create(writer, "Contact", body.as_object().unwrap()).unwrap();
        }
    }
    (org, ids)
}

/// WHERE, in text.
fn clause(tree: Option<&Tree>, join: Option<&Join>) -> String {
    let join = join.map(|(negated, name)| {
        let word = if *negated { "NOT IN" } else { "IN" };
        format!("Id {word} (SELECT AccountId FROM Contact WHERE LastName = '{name}')")
    });
    let parts: Vec<String> = tree.map(Tree::soql).into_iter().chain(join).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

/// The numbers of the accounts that satisfy it.
fn chosen(accounts: &[Account], tree: Option<&Tree>, join: Option<&Join>) -> Vec<usize> {
    let is_wanted = |account: &Account| {
        tree.is_none_or(|tree| tree.holds(accounts, account))
            && join.is_none_or(|(negated, name)| account.contacts.contains(name) != *negated)
    };
    (0..accounts.len()).filter(|number| is_wanted(&accounts[*number])).collect()
}

fn compare(a: &Plain, b: &Plain, (descending, nulls_last): (bool, bool)) -> Ordering {
    match (a == &Plain::Null, b == &Plain::Null) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, true) => {
            if nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, false) => {
            if descending {
                b.cmp(a)
            } else {
                a.cmp(b)
            }
        }
    }
}

fn join() -> impl Strategy<Value = Option<Join>> {
    option::of((any::<bool>(), "[xyz]"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_that_a_look_at_every_row_finds(
        accounts in accounts(),
        tree in option::of(tree()),
        join in join(),
        keys in prop::collection::vec((field(), any::<bool>(), any::<bool>()), 0..3),
        (skip, take) in (0..4_usize, option::of(0..8_usize)),
    ) {
        let (org, ids) = org(&accounts);
        let where_clause = clause(tree.as_ref(), join.as_ref());
        let mut soql = format!("SELECT Id FROM Account{where_clause}");
        for (number, (field, descending, nulls_last)) in keys.iter().enumerate() {
            let word = if number == 0 { " ORDER BY" } else { "," };
            let direction = if *descending { "DESC" } else { "ASC" };
            let nulls = if *nulls_last { " NULLS LAST" } else { "" };
            write!(soql, "{word} {} {direction}{nulls}", field.name()).unwrap();
        }
        if let Some(take) = take {
            write!(soql, " LIMIT {take}").unwrap();
        }
        write!(soql, " OFFSET {skip}").unwrap();

        let found = org.query(org.integration_user(), &soql, Scope::Live).unwrap();
        let counted = format!("SELECT COUNT() FROM Account{where_clause}");
        let counted = org.query(org.integration_user(), &counted, Scope::Live).unwrap();

        let mut expected = chosen(&accounts, tree.as_ref(), join.as_ref());
        prop_assert_eq!(counted.total, expected.len(), "{}", soql);
        expected.sort_by(|a, b| {
            let unequal = keys.iter().map(|(field, descending, nulls_last)| {
                let value = |number: usize| field.of(&accounts, &accounts[number]);
                compare(&value(*a), &value(*b), (*descending, *nulls_last))
            });
            unequal.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        });
        let expected: Vec<Id> = expected.into_iter().skip(skip).take(take.unwrap_or(99)).map(|number| ids[number]).collect();
        prop_assert_eq!(found.rows.iter().collect::<Vec<Id>>(), expected, "{}", soql);
    }

    #[test]
    fn groups_are_those_that_a_look_at_every_row_makes(
        accounts in accounts(),
        tree in option::of(tree()),
        join in join(),
        least in 0..3_usize,
    ) {
        let (org, _) = org(&accounts);
        let soql = format!(
            "SELECT Contract_Start__c, COUNT(Id), COUNT(AnnualRevenue), COUNT_DISTINCT(NumberOfEmployees), \
             SUM(AnnualRevenue), AVG(NumberOfEmployees), MIN(AnnualRevenue), MAX(NumberOfEmployees) \
             FROM Account{} GROUP BY Contract_Start__c HAVING COUNT(Id) > {least} \
             ORDER BY Contract_Start__c DESC NULLS LAST",
            clause(tree.as_ref(), join.as_ref())
        );

        let found = org.query(org.integration_user(), &soql, Scope::Live).unwrap();

        let mut groups: BTreeMap<Option<NaiveDate>, Vec<&Account>> = BTreeMap::new();
        for number in chosen(&accounts, tree.as_ref(), join.as_ref()) {
            groups.entry(accounts[number].start).or_default().push(&accounts[number]);
        }
        let expected: Vec<Vec<Value>> = groups
            .into_iter()
            .rev()
            .filter(|(_, group)| group.len() > least)
            .map(|(start, group)| aggregated(start, &group))
            .collect();
        prop_assert_eq!(found.groups.unwrap().rows, expected, "{}", soql);
    }
}

fn aggregated(start: Option<NaiveDate>, group: &[&Account]) -> Vec<Value> {
    let revenues: Vec<i32> = group.iter().filter_map(|account| account.revenue).collect();
    let employees: Vec<u32> = group.iter().filter_map(|account| account.employees).collect();
    let mut distinct = employees.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let count = |count: usize| Value::Int(i64::try_from(count).unwrap());
    let number = |number: Option<f64>| number.map_or(Value::Null, Value::Number);
    let sum = (!revenues.is_empty()).then(|| f64::from(revenues.iter().sum::<i32>()));
    let total = f64::from(employees.iter().sum::<u32>());
    let average =
        (!employees.is_empty()).then(|| total / f64::from(u32::try_from(employees.len()).unwrap()));
    vec![
        start.map_or(Value::Null, Value::Date),
        count(group.len()),
        count(revenues.len()),
        count(distinct.len()),
        number(sum),
        number(average),
        number(revenues.iter().min().copied().map(f64::from)),
        employees.iter().max().map_or(Value::Null, |most| Value::Int(i64::from(*most))),
    ]
}
