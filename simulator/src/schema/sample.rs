//! The describes of the sample org.

/// Name and describe of each object, users first; `PushTopic` is apart, for every org has it.
pub(super) const SAMPLE: [(&str, &str); 22] = [
    ("User", include_str!("../../sample/User.json")),
    ("Account", include_str!("../../sample/Account.json")),
    ("Contact", include_str!("../../sample/Contact.json")),
    ("Opportunity", include_str!("../../sample/Opportunity.json")),
    ("Lead", include_str!("../../sample/Lead.json")),
    ("Case", include_str!("../../sample/Case.json")),
    ("RecordType", include_str!("../../sample/RecordType.json")),
    ("Product2", include_str!("../../sample/Product2.json")),
    ("Invoice__c", include_str!("../../sample/Invoice__c.json")),
    ("Invoice_Line__c", include_str!("../../sample/Invoice_Line__c.json")),
    ("AccountHistory", include_str!("../../sample/AccountHistory.json")),
    ("Attachment", include_str!("../../sample/Attachment.json")),
    ("ContentDocument", include_str!("../../sample/ContentDocument.json")),
    ("ContentVersion", include_str!("../../sample/ContentVersion.json")),
    ("Document", include_str!("../../sample/Document.json")),
    ("Event", include_str!("../../sample/Event.json")),
    ("Group", include_str!("../../sample/Group.json")),
    ("Organization", include_str!("../../sample/Organization.json")),
    ("PermissionSet", include_str!("../../sample/PermissionSet.json")),
    ("Profile", include_str!("../../sample/Profile.json")),
    ("Task", include_str!("../../sample/Task.json")),
    ("UserRole", include_str!("../../sample/UserRole.json")),
];

/// Every org has it: its rows are the topics of the Streaming API.
pub(super) const PUSH_TOPIC: (&str, &str) =
    ("PushTopic", include_str!("../../sample/PushTopic.json"));
