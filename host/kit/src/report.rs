//! What an examination found, as text for people and as JSON for scripts.

use plugboard_pack::{Words, World};
use plugboard_phrases::Language;
use serde_json::{Value, json};

use crate::Finding;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// As the pack, or its file, calls it.
    pub component: String,
    pub world: World,
    /// How many questions were asked; each went to three instances.
    pub questions: u32,
    /// How many cases the author wrote.
    pub cases: u32,
    /// One of a kind and function, in the order in which they were seen.
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    /// A line that says whether it passed, then each finding.
    pub fn text(&self, language: Language) -> String {
        let Self { component, world, questions, cases, findings } = self;
        let words = |english: String, chinese: String| in_language(language, Words::new(english, chinese));
        let result = if findings.is_empty() {
            words("passed".to_owned(), "通过".to_owned())
        } else {
            let count = findings.len();
            words(format!("{count} finding{}", if count == 1 { "" } else { "s" }), format!("{count} 个问题"))
        };
        let mut text = words(
            format!("{component} ({world}): {result}; questions {questions}, cases of its own {cases}\n"),
            format!("{component}（{world}）：{result}；提问 {questions} 个，自带用例 {cases} 个\n"),
        );
        for finding in findings {
            text += &told(finding, language);
        }
        text
    }

    pub fn json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(Finding::json).collect();
        json!({
            "ok": self.passed(), "component": self.component, "world": self.world,
            "questions": self.questions, "cases": self.cases, "findings": findings,
        })
    }
}

fn told(finding: &Finding, language: Language) -> String {
    let label = |english: &'static str, chinese: &'static str| match language {
        Language::English => format!("    {english:<9} "),
        Language::Chinese => format!("    {chinese}："),
    };
    let mut text = format!("  {}\n", finding.kind.id());
    let mut line = |label: String, words: &str| text += &format!("{label}{words}\n");
    line(label("case", "用例"), &finding.case);
    line(label("asked", "提问"), &finding.asked());
    line(label("answered", "回答"), &finding.answered);
    line(label("contract", "合约"), &in_language(language, finding.contract()));
    line(label("remedy", "建议"), &in_language(language, finding.kind.remedy()));
    if finding.again > 0 {
        let again = finding.again;
        let words = Words::new(format!("and {again} more of this kind"), format!("同类问题还有 {again} 个"));
        text += &format!("    {}\n", in_language(language, words));
    }
    text
}

fn in_language(language: Language, words: Words) -> String {
    match language {
        Language::English => words.en,
        Language::Chinese => words.zh_cn,
    }
}
