//! What is wrong with a component, for who wrote it: a value, told as text or as JSON.

use plugboard_pack::Words;
use serde_json::{Value, json};

use crate::{Ask, Ended, Question, summary};

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another answer than a case of `tests/` wants.
    Golden,
    /// Instances that were asked the same answered differently.
    NotDeterministic,
    Trapped,
    OutOfMemory,
    Late,
    /// The host's door does not let the answer in.
    Void,
    /// It says that it has none, to a question that is as the contract has it.
    NoAnswer,
    /// The function does not take the settings in which `check` found no error.
    CheckDisagrees,
    /// A token that is not above those before it in the interaction.
    TokenReused,
    /// Anything but a tag, a look-up or an open effect once the interaction is over.
    ActsAfterHangUp,
    /// An action in answer to an event that no contract names.
    ActsOnUnknown,
    /// A code that no report can count by.
    BadCode,
    /// A refusal that nobody can understand.
    NoReason,
    /// A kind of text that `describe` does not name.
    UnknownKind,
    /// Nothing else could be asked, since no settings are known that it takes.
    NoSettings,
    /// Nothing ordinary could be asked, since that depends on its settings and its other side.
    NoCase,
    /// Success, where the other system gave none.
    Swallowed,
    /// Asked again sooner than the other system wants, or never.
    RetryIgnored,
    /// Request upon request to a system that is down.
    Hammers,
    /// The same write again after a time-out, with nothing that tells the other system so.
    SentTwice,
    /// A value that becomes part of a URL's own syntax.
    Injected,
    /// An operation that does not exist is done.
    DoesUnknown,
    /// A webhook that nobody signed is taken for the platform's.
    TrustsAnybody,
    /// Something after the action that ends its part.
    NotLast,
    /// Suggestions that are not in order.
    NotBestFirst,
}

impl Kind {
    /// Kebab-case and stable.
    pub fn id(self) -> &'static str {
        match self {
            Self::Golden => "golden",
            Self::NotDeterministic => "not-deterministic",
            Self::Trapped => "trapped",
            Self::OutOfMemory => "out-of-memory",
            Self::Late => "late",
            Self::Void => "void-answer",
            Self::NoAnswer => "no-answer",
            Self::CheckDisagrees => "check-disagrees",
            Self::TokenReused => "token-reused",
            Self::ActsAfterHangUp => "acts-after-hang-up",
            Self::ActsOnUnknown => "acts-on-unknown",
            Self::BadCode => "bad-code",
            Self::NoReason => "no-reason",
            Self::UnknownKind => "unknown-kind",
            Self::NoSettings => "no-settings",
            Self::NoCase => "no-case",
            Self::Swallowed => "swallowed",
            Self::RetryIgnored => "retry-ignored",
            Self::Hammers => "hammers",
            Self::SentTwice => "sent-twice",
            Self::Injected => "injected",
            Self::DoesUnknown => "does-unknown",
            Self::TrustsAnybody => "trusts-anybody",
            Self::NotLast => "not-last",
            Self::NotBestFirst => "not-best-first",
        }
    }

    /// What the contract says of it, for this question.
    pub fn contract(self, ask: &Ask) -> Words {
        match self {
            Self::Golden => Words::new("the answer is the one that tests/ has", "答案须与 tests/ 中写明的一致"),
            Self::NotDeterministic => Words::new(
                "the same question has the same answer in any instance, new or used",
                "同样的问题，无论由新实例还是用过的实例回答，答案必须相同",
            ),
            Self::Trapped => Words::new(
                "whatever the host tells is answered, if only by a failure; an instance that traps is thrown away",
                "宿主给出的任何内容都要作答，哪怕是回答失败；陷入异常的实例会被丢弃",
            ),
            Self::OutOfMemory => Words::new(
                "an instance has the memory that its manifest asks for, 16 MiB without",
                "实例可用的内存以清单所申请的为准，未申请时为 16 MiB",
            ),
            Self::Late => Words::new(
                format!("{} has {} ms of CPU time", ask.name(), ask.deadline().as_millis()),
                format!("{} 最多使用 {} 毫秒 CPU 时间", ask.name(), ask.deadline().as_millis()),
            ),
            Self::Void => void(ask),
            Self::NoAnswer => Words::new(
                "a failure makes the host take its own default: it is for settings and states that cannot be read",
                "回答失败会让宿主采用默认处理；它只用于无法读取的设置和状态",
            ),
            Self::CheckDisagrees => Words::new(
                "where `configure` cannot use the settings, `check` names each problem",
                "`configure` 无法使用的设置，`check` 必须逐一指出问题",
            ),
            Self::TokenReused => {
                Words::new("a token is unique within the interaction, and rises", "令牌在一次交互中必须唯一，并且递增")
            }
            Self::ActsAfterHangUp => Words::new(
                "once the interaction is over, only `tag`, `invoke` and `other` may be asked for",
                "交互结束之后只能请求 `tag`、`invoke` 和 `other`",
            ),
            Self::ActsOnUnknown => Words::new(
                "an event that the flow does not know is answered with no action",
                "流程不认识的事件，须以空动作回答",
            ),
            Self::BadCode => Words::new(
                "a code is kebab-case and stable, so that a report can count it",
                "代码须为短横线小写形式且保持稳定，报表才能统计",
            ),
            Self::NoReason => Words::new("`reason` is for the person who is refused", "`reason` 是写给被拒绝的人看的"),
            Self::UnknownKind => Words::new(
                "`describe().redacts` names the kinds that it finds",
                "`describe().redacts` 须列出所能找到的类别",
            ),
            Self::NoSettings => Words::new(
                "an instance takes its settings before its first question",
                "实例在回答第一个问题之前先读取设置",
            ),
            Self::NoCase => Words::new(
                "what is asked of it, and what its other side answers, only its author knows",
                "会被问到什么、对方系统如何回答，只有作者知道",
            ),
            Self::Swallowed => Words::new(
                "where the other system gives no answer or refuses, the answer is a failure",
                "对方系统没有应答或拒绝时，须以失败作答",
            ),
            Self::RetryIgnored => Words::new(
                "`retry-ms` is when it may work: not before the other system's `Retry-After`",
                "`retry-ms` 表示何时可能成功：不得早于对方系统的 `Retry-After`",
            ),
            Self::Hammers => Words::new(
                "the host asks again by `retry-ms`; one question sends at most four requests to a system that is down",
                "宿主会按 `retry-ms` 重试；对方系统不可用时，一个问题最多发出四个请求",
            ),
            Self::SentTwice => Words::new(
                "`key` (of a message, `id`) is the same for the same wish, so that the other system can drop a second one",
                "同一意愿的 `key`（消息为 `id`）保持不变，对方系统才能丢弃重复请求",
            ),
            Self::Injected => Words::new(
                "values may be a caller's: in a URL they are percent-encoded (RFC 3986 §2.1), and no segment of a path is `.` or `..`",
                "值可能来自来电者：写入 URL 时须百分号编码（RFC 3986 §2.1），路径段不得为 `.` 或 `..`",
            ),
            Self::DoesUnknown => Words::new(
                "an operation that `describe` does not name is answered with `unknown-operation`",
                "`describe` 未列出的操作须以 `unknown-operation` 作答",
            ),
            Self::TrustsAnybody => Words::new(
                "`genuine` is said of the platform's own requests only: of those with its signature or its token",
                "只有带有平台签名或令牌的请求才能判为 `genuine`",
            ),
            Self::NotLast => {
                Words::new("`hand-over` and `end` are the last action", "`hand-over` 和 `end` 必须是最后一个动作")
            }
            Self::NotBestFirst => Words::new("suggestions stand best first", "建议须按优劣排序，最好的在前"),
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> Words {
        match self {
            Self::Golden => Words::new(
                "mend the component, or the case if the new answer is right",
                "修改组件；如果新答案是对的，则修改用例",
            ),
            Self::NotDeterministic => Words::new(
                "look for chance, a static variable, the order of a hash map; keep only what `configure` gave",
                "检查随机数、静态变量和哈希表的遍历顺序；只保留 `configure` 给出的内容",
            ),
            Self::Trapped => Words::new(
                "ask it again with `plugboard ask` and read the backtrace; answer what you cannot use with a failure",
                "用 `plugboard ask` 重新提问并查看回溯；无法处理的内容以失败作答",
            ),
            Self::OutOfMemory => Words::new(
                "keep less, or ask for more by `limits.memory` in plugin.toml",
                "减少占用，或在 plugin.toml 的 `limits.memory` 中申请更多",
            ),
            Self::Late => Words::new(
                "do the work once in `configure`; look for a loop that grows with the question",
                "把能提前做的工作放到 `configure`；检查随问题增大而变慢的循环",
            ),
            Self::Void => Words::new(
                "answer within the bounds that the world's file in wit/ has",
                "按照 wit/ 中该 world 文件写明的范围作答",
            ),
            Self::NoAnswer => Words::new(
                "answer with what is known; do without what the host does not give",
                "按已知内容作答；宿主未给出的内容应能缺省处理",
            ),
            Self::CheckDisagrees => Words::new(
                "let `configure` use what `check` uses to read the settings",
                "让 `configure` 与 `check` 用同一段代码读取设置",
            ),
            Self::TokenReused => Words::new(
                "keep the last token in the state and count on from there",
                "把最后一个令牌存入状态，从它继续计数",
            ),
            Self::ActsAfterHangUp => Words::new(
                "answer `hung-up` first, before anything else is looked at",
                "先处理 `hung-up`，再看其他情况",
            ),
            Self::ActsOnUnknown => {
                Words::new("let the last arm of the match change nothing", "让匹配的最后一个分支什么都不改变")
            }
            Self::BadCode => Words::new(
                "write small letters, digits and '-', like `quiet-hours`",
                "使用小写字母、数字和 '-'，例如 `quiet-hours`",
            ),
            Self::NoReason => Words::new("say why in one sentence", "用一句话说明原因"),
            Self::UnknownKind => Words::new("name it in `describe`", "在 `describe` 中列出该类别"),
            Self::NoSettings => Words::new(
                "write a case with settings into tests/, so that the kit has some",
                "在 tests/ 中写一个带设置的用例，供测试套件使用",
            ),
            Self::NoCase => Words::new(
                "write a case into tests/ that asks it, with `hosts` and the answers in `http`",
                "在 tests/ 中写一个提问的用例，带上 `hosts` 和 `http` 中的应答",
            ),
            Self::Swallowed => Words::new(
                "look at the failure of `fetch` and at the status before the body",
                "先检查 `fetch` 的失败和状态码，再读正文",
            ),
            Self::RetryIgnored => Words::new(
                "read `retry-after`, in seconds, and answer with a failure whose `retry-ms` is no less",
                "读取 `retry-after`（秒），回答的失败中 `retry-ms` 不得小于它",
            ),
            Self::Hammers => Words::new(
                "answer with a failure and `retry-ms` instead of asking again",
                "不要自行重试，以带 `retry-ms` 的失败作答",
            ),
            Self::SentTwice => Words::new(
                "send `key` with each write, for example as `Idempotency-Key`, or do not send it again",
                "每次写入都带上 `key`（例如 `Idempotency-Key`），否则不要重发",
            ),
            Self::Injected => Words::new(
                "percent-encode each value before it is put into path or query, and answer `.` and `..` with `bad-input`",
                "把值放入路径或查询之前先进行百分号编码；对 `.` 和 `..` 回答 `bad-input`",
            ),
            Self::DoesUnknown => Words::new(
                "let the last arm of the match be `unknown-operation`",
                "让匹配的最后一个分支回答 `unknown-operation`",
            ),
            Self::TrustsAnybody => Words::new(
                "compare the signature, to its end, and the time with `at-ms`; answer `forged` where there is none",
                "完整核对签名，并与 `at-ms` 比较时间；没有签名时回答 `forged`",
            ),
            Self::NotLast => Words::new("end the list with it", "把它放在列表末尾"),
            Self::NotBestFirst => Words::new("sort by `confidence`, falling", "按 `confidence` 从高到低排序"),
        }
    }
}

/// What voids an answer to this question.
fn void(ask: &Ask) -> Words {
    match ask {
        Ask::RankAgents { .. } | Ask::RankWaiting { .. } => Words::new(
            "an order with a number that was not in the question, or one twice, is void; `again-ms` is at least 100",
            "顺序中出现问题里没有的编号或重复编号即作废；`again-ms` 不得小于 100",
        ),
        Ask::OnTimer { .. } => Words::new(
            "needs may be fewer or lower than before, never others or higher; `overflow-to` is a queue of the tables",
            "所需技能只可减少或降低，不可新增或提高；`overflow-to` 必须是表中的队列",
        ),
        Ask::Step { .. } => Words::new(
            "state at most 256 KiB, 64 actions, 256 visits; tokens rise; names and files are the tenant's, one line each",
            "状态不超过 256 KiB，动作不超过 64 个，节点记录不超过 256 个；令牌递增；名称和文件名须为单行",
        ),
        Ask::Judge(_) => Words::new(
            "at most 16 duties; `later` lies after the act and at most 366 days ahead; the code has at most 64 bytes",
            "义务不超过 16 项；`later` 须晚于该行为且不超过 366 天；代码不超过 64 字节",
        ),
        Ask::Utterance { .. } => Words::new(
            "state at most 64 KiB, 16 alerts, 4 orders each",
            "状态不超过 64 KiB，告警不超过 16 条，每条指令不超过 4 个",
        ),
        Ask::Review(_) => Words::new(
            "at most 256 findings of 0 to 100 points, each of a segment that was given",
            "结论不超过 256 条，分值 0 到 100，且须指向给出的片段",
        ),
        Ask::Redact { .. } => Words::new(
            "at most 1,000 spans, rising, none over another, on the borders of characters",
            "区间不超过 1000 个，依次递增、互不重叠，且落在字符边界上",
        ),
        Ask::Invoke(_) | Ask::OnEvent(_) | Ask::Probe => {
            Words::new("an output is one JSON value of at most 64 KiB", "输出须是一个不超过 64 KiB 的 JSON 值")
        }
        Ask::Verify(_) | Ask::Receive(_) => Words::new(
            "at most 100 messages and 100 reports; ids and addresses 1 to 128 bytes, texts 16 KiB; a reply's status is 200 to 599, its body at most 64 KiB",
            "消息和回执各不超过 100 条；标识和地址 1 到 128 字节，文本 16 KiB；应答状态码 200 到 599，正文不超过 64 KiB",
        ),
        Ask::Send(_) => Words::new("a receipt's id has 1 to 128 bytes", "回执标识为 1 到 128 字节"),
        Ask::Reply(_) => Words::new(
            "at most 16 actions; texts 4 KiB, 10 choices of one line, names 64 bytes",
            "动作不超过 16 个；文本 4 KiB，选项不超过 10 个且为单行，名称 64 字节",
        ),
        Ask::Suggest(_) => Words::new(
            "at most 5 suggestions of 4 KiB; confidence 0 to 1,000",
            "建议不超过 5 条，每条 4 KiB；置信度 0 到 1000",
        ),
        Ask::Classify { .. } => Words::new(
            "confidence 0 to 1,000, sentiment -1,000 to 1,000, 16 topics; names 64 bytes and one line",
            "置信度 0 到 1000，情绪 -1000 到 1000，主题不超过 16 个；名称为 64 字节以内的单行",
        ),
        Ask::Pace(_) => Words::new("calls is a number", "呼叫数是一个数字"),
        Ask::NextAttempt(_) => Words::new(
            "`at` is at least a minute and at most 366 days after `at-ms`",
            "`at` 须在 `at-ms` 之后至少一分钟、至多 366 天",
        ),
        Ask::Check | Ask::Configure => {
            Words::new("at most 1,000 problems, each with a code of one line", "问题不超过 1000 个，每个都有单行代码")
        }
    }
}

/// One thing that is wrong, where it was seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    /// Name of the case.
    pub case: String,
    /// To be asked again as it is.
    pub question: Question,
    /// What came of it, in one line.
    pub answered: String,
    /// How often it was seen again, in questions to the same function.
    pub again: u32,
}

impl Finding {
    pub(crate) fn new(kind: Kind, case: &str, question: &Question, ended: &Ended) -> Self {
        Self::told(kind, case, question, summary::of_ended(ended))
    }

    pub(crate) fn told(kind: Kind, case: &str, question: &Question, answered: String) -> Self {
        Self { kind, case: case.to_owned(), question: question.clone(), answered, again: 0 }
    }

    /// What was asked, in one line.
    pub fn asked(&self) -> String {
        summary::of_ask(&self.question.ask)
    }

    pub fn contract(&self) -> Words {
        self.kind.contract(&self.question.ask)
    }

    /// For scripts; `question` is what `plugboard ask` reads.
    pub fn json(&self) -> Value {
        json!({
            "id": self.kind.id(), "case": self.case, "asked": self.asked(), "answered": self.answered, "again": self.again,
            "contract": self.contract(), "remedy": self.kind.remedy(), "question": self.question,
        })
    }
}
