//! Resources about how things look on a page, which clients ask for on the way to something else.
//! The org has no pages: the answers are well formed and as empty as they may be.

use serde_json::{Map, Value, json};

use crate::http::{call::Call, reply::Reply, world::World};

const MASTER: &str = "012000000000000AAA";

/// Which of the resources is asked for; with an object where the path has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Page {
    Layouts,
    ApprovalLayouts,
    CompactLayouts,
    QuickActions,
    ListViews,
    Tabs,
    Theme,
    Recent,
}

impl Page {
    /// The resource behind the words that follow an object's path.
    pub(crate) fn of_object(words: &[&str]) -> Option<Self> {
        match words {
            ["describe", "layouts"] | ["describe", "layouts", _] => Some(Self::Layouts),
            ["describe", "approvalLayouts"] => Some(Self::ApprovalLayouts),
            ["describe", "compactLayouts"] => Some(Self::CompactLayouts),
            ["quickActions"] => Some(Self::QuickActions),
            ["listviews"] => Some(Self::ListViews),
            _ => None,
        }
    }

    /// The resource of this name below the version.
    pub(crate) fn of_org(word: &str) -> Option<Self> {
        match word {
            "compactLayouts" => Some(Self::CompactLayouts),
            "quickActions" => Some(Self::QuickActions),
            "tabs" => Some(Self::Tabs),
            "theme" => Some(Self::Theme),
            "recent" => Some(Self::Recent),
            _ => None,
        }
    }
}

/// The answer for a page, perhaps of an object.
pub(crate) fn page(world: &World, call: &Call, page: Page, object: Option<&str>) -> Reply {
    let org = world.org();
    let canonical = |name: &str| {
        let number = org.visible_object(call.user(), name)?;
        Some(org.schema().objects().get(number)?.name().to_owned())
    };
    let answer = match (page, object.and_then(canonical)) {
        (Page::Layouts, Some(object)) => layouts(call, &object),
        (Page::ApprovalLayouts, _) => json!({ "approvalLayouts": [] }),
        (Page::CompactLayouts, Some(object)) => compact(call, &object),
        (Page::CompactLayouts, None) => {
            let names = call.parameter("q").unwrap_or_default().split(',');
            let known = names.filter_map(|name| canonical(name.trim()));
            Value::Object(
                known.map(|name| (name.clone(), compact(call, &name))).collect::<Map<_, _>>(),
            )
        }
        (Page::ListViews, Some(object)) => json!({
            "done": true, "listviews": [], "nextRecordsUrl": null, "size": 0, "sobjectType": object,
        }),
        (Page::Theme, _) => json!({ "themeItems": [] }),
        _ => json!([]),
    };
    Reply::ok(&answer)
}

fn layouts(call: &Call, object: &str) -> Value {
    let path = call.path_of(&format!("sobjects/{object}/describe/layouts/{MASTER}"));
    json!({
        "layouts": [],
        "recordTypeMappings": [{
            "active": true, "available": true, "defaultRecordTypeMapping": true,
            "developerName": "Master", "layoutId": null, "master": true, "name": "Master",
            "picklistsForRecordType": null, "recordTypeId": MASTER, "urls": { "layout": path },
        }],
        "recordTypeSelectorRequired": [false],
    })
}

fn compact(call: &Call, object: &str) -> Value {
    let primary = call.path_of(&format!("sobjects/{object}/describe/compactLayouts/primary"));
    json!({
        "compactLayouts": [],
        "defaultCompactLayoutId": null,
        "recordTypeCompactLayoutMappings": [],
        "urls": { "primary": primary },
    })
}
