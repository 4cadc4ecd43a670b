//! What a person reads, in both languages of the product.

use serde::{Deserialize, Serialize};

/// One text in English and in Chinese.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub en: String,
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

impl Words {
    pub fn new(en: impl Into<String>, zh_cn: impl Into<String>) -> Self {
        Self { en: en.into(), zh_cn: zh_cn.into() }
    }

    /// A name that is the same in both.
    pub fn same(text: &str) -> Self {
        Self::new(text, text)
    }
}
