//! Makes statements of the whole grammar.

use chrono::DateTime;
use proptest::{option, prelude::*, sample::select, strategy::Union};

use crate::soql::{
    At, Condition, FieldGroup, Group, Item, Literal, Mode, Operand, Operator, Order, Path, Piece,
    Place, Purpose, Query, Relative, Select, Totals, Track, TypeOf, Unit,
    function::{AGGREGATES, DATES},
    relative::SPANS,
};

fn name() -> impl Strategy<Value = String> {
    // No keyword has a lower-case x at its end.
    "[A-Z][a-z]{0,6}x(__c)?"
}

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(name(), 1..4).prop_map(|names| Path { names, at: At(0) })
}

fn plain() -> impl Strategy<Value = Operand> {
    let dates = DATES.map(|(function, _)| function).to_vec();
    let degrees = || -180.0..180.0;
    let place = prop_oneof![
        path().prop_map(Place::Field),
        (degrees(), degrees()).prop_map(|(latitude, longitude)| Place::Point(latitude, longitude)),
    ];
    let unit = select(vec![Unit::Miles, Unit::Kilometers]);
    prop_oneof![
        4 => path().prop_map(Operand::Path),
        1 => (select(dates), path(), any::<bool>())
            .prop_map(|(function, path, is_converted)| Operand::Date(function, path, is_converted)),
        1 => path().prop_map(Operand::Label),
        1 => path().prop_map(Operand::Currency),
        1 => (path(), place, unit).prop_map(|(from, to, unit)| Operand::Distance(from, to, unit)),
    ]
}

fn operand() -> impl Strategy<Value = Operand> {
    let aggregates = AGGREGATES.map(|(function, _)| function).to_vec();
    let simple = prop_oneof![
        3 => plain(),
        1 => (select(aggregates), path())
            .prop_map(|(function, path)| Operand::Aggregate(function, path)),
        1 => path().prop_map(Operand::Grouping),
    ];
    simple.prop_recursive(2, 2, 1, |inner| inner.prop_map(|inner| Operand::Format(Box::new(inner))))
}

fn relative() -> impl Strategy<Value = Relative> {
    let span = || select(SPANS.map(|(span, _)| span).to_vec());
    prop_oneof![
        span().prop_map(Relative::Last),
        span().prop_map(Relative::This),
        span().prop_map(Relative::Next),
        (span(), any::<u32>()).prop_map(|(span, number)| Relative::LastN(span, number)),
        (span(), any::<u32>()).prop_map(|(span, number)| Relative::NextN(span, number)),
        (span(), any::<u32>()).prop_map(|(span, number)| Relative::Ago(span, number)),
        Just(Relative::Last90Days),
        Just(Relative::Next90Days),
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    let second = || (0_i64..4_000_000_000).prop_map(|at| DateTime::from_timestamp(at, 0).unwrap());
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        (-1e9..1e9).prop_map(Literal::Number),
        any::<String>().prop_map(Literal::Text),
        second().prop_map(Literal::Moment),
        second().prop_map(|moment| Literal::Date(moment.date_naive())),
        second().prop_map(|moment| Literal::Time(moment.time())),
        relative().prop_map(Literal::Relative),
    ]
}

fn pattern() -> impl Strategy<Value = Vec<Piece>> {
    let between = prop_oneof![Just(Piece::One), Just(Piece::Many)];
    prop::collection::vec(("[a-z%_'\\\\é]{1,4}", between), 0..4).prop_map(|parts| {
        parts.into_iter().flat_map(|(text, wildcard)| [Piece::Text(text), wildcard]).collect()
    })
}

fn operator() -> impl Strategy<Value = Operator> {
    select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ])
}

/// Conditions, whose joins have these inner statements.
fn condition(inner: BoxedStrategy<Query>) -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        3 => (operand(), operator(), literal()).prop_map(|(operand, operator, literal)| {
            Condition::Compare { operand, operator, literal }
        }),
        1 => (operand(), any::<bool>(), prop::collection::vec(literal(), 1..4))
            .prop_map(|(operand, negated, literals)| Condition::In { operand, negated, literals }),
        1 => (operand(), any::<bool>(), inner).prop_map(|(operand, negated, query)| {
            Condition::Join { operand, negated, query: Box::new(query) }
        }),
        1 => (operand(), pattern())
            .prop_map(|(operand, pattern)| Condition::Like { operand, pattern }),
        1 => (operand(), any::<bool>(), prop::collection::vec(any::<String>(), 1..3))
            .prop_map(|(operand, negated, texts)| Condition::Includes { operand, negated, texts }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn type_of() -> impl Strategy<Value = TypeOf> {
    let fields = || prop::collection::vec(path(), 1..3);
    let branches = prop::collection::vec((path(), fields()), 1..3);
    (path(), branches, option::of(fields())).prop_map(|(path, branches, otherwise)| TypeOf {
        path,
        branches,
        otherwise,
    })
}

/// The SELECT list, whose child sub-selects are these statements.
fn items(inner: BoxedStrategy<Query>) -> impl Strategy<Value = Select> {
    let groups = vec![FieldGroup::Standard, FieldGroup::Custom, FieldGroup::All];
    let item = prop_oneof![
        4 => (operand(), option::of(name())).prop_map(|(operand, alias)| Item::Value(operand, alias)),
        1 => select(groups).prop_map(|group| Item::Fields(group, At(0))),
        1 => inner.prop_map(|query| Item::Children(Box::new(query))),
        1 => type_of().prop_map(Item::TypeOf),
    ];
    let items = prop::collection::vec(item, 1..4).prop_map(Select::Items);
    prop_oneof![1 => Just(Select::Count), 8 => items]
}

fn group() -> impl Strategy<Value = Group> {
    let totals = select(vec![Totals::None, Totals::Rollup, Totals::Cube]);
    (totals, prop::collection::vec(plain(), 1..3)).prop_map(|(totals, by)| Group { totals, by })
}

fn order() -> impl Strategy<Value = Order> {
    (operand(), any::<bool>(), any::<bool>()).prop_map(|(operand, descending, nulls_last)| Order {
        operand,
        descending,
        nulls_last,
    })
}

/// A statement whose sub-selects are these.
fn statement(inner: &BoxedStrategy<Query>) -> impl Strategy<Value = Query> + use<> {
    let from = (
        items(inner.clone()),
        name(),
        option::of(name()),
        prop::collection::vec((path(), name()), 0..2),
        option::of(name()),
    );
    let modes = vec![Mode::SecurityEnforced, Mode::UserMode, Mode::SystemMode];
    let middle = (
        option::of(condition(inner.clone())),
        option::of(select(modes)),
        option::of((group(), option::of(condition(inner.clone())))),
        prop::collection::vec(order(), 0..3),
    );
    let purposes = select(vec![Purpose::View, Purpose::Reference, Purpose::Update]);
    let tracks = select(vec![Track::Tracking, Track::ViewStat]);
    let end = (
        option::of(any::<u64>()),
        option::of(any::<u64>()),
        prop::collection::vec(purposes, 0..3),
        prop::collection::vec(tracks, 0..3),
    );
    (from, middle, end).prop_map(|(from, middle, end)| {
        let (group, having) = middle.2.unzip();
        Query {
            alias: from.2,
            parents: from.3,
            scope: from.4.map(|scope| (scope, At(0))),
            condition: middle.0,
            mode: middle.1,
            group,
            having: having.flatten(),
            order: middle.3,
            limit: end.0,
            offset: end.1,
            purposes: end.2,
            tracks: end.3,
            ..Query::new(from.0, &from.1, At(0))
        }
    })
}

/// Any statement, with sub-selects two deep.
pub(super) fn query() -> impl Strategy<Value = Query> {
    let simple = (name(), path()).prop_map(|(from, path)| {
        let items = vec![Item::Value(Operand::Path(path), None)];
        Query::new(Select::Items(items), &from, At(0))
    });
    let inner = statement(&simple.boxed()).boxed();
    Union::new([statement(&inner).boxed()])
}
