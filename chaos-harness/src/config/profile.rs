//! On which machines a hardware profile applies by itself.

use super::document::Located;
use super::table::Table;

/// What a profile is chosen by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Hardware {
    /// How many processors may be used.
    pub(crate) cores: Option<f64>,
    /// How many bytes of memory may be used.
    pub(crate) memory: Option<u64>,
}

/// The conditions of a profile. Without any it applies only where it is asked for by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Conditions {
    cores_at_least: Option<Located<f64>>,
    cores_at_most: Option<Located<f64>>,
    memory_at_least: Option<Located<u64>>,
    memory_at_most: Option<Located<u64>>,
}

impl Conditions {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        let conditions = table.table("when", |table| {
            let conditions = Self {
                cores_at_least: table.number("cores-at-least", 0.0..=65_536.0),
                cores_at_most: table.number("cores-at-most", 0.0..=65_536.0),
                memory_at_least: table.size("memory-at-least"),
                memory_at_most: table.size("memory-at-most"),
            };
            if conditions.exclude_one_another() {
                let message = "no machine meets both bounds; the lower one comes first";
                table.mistake(&["cores-at-least", "memory-at-least"], message);
            }
            conditions
        });
        conditions.unwrap_or_default()
    }

    fn exclude_one_another(&self) -> bool {
        let cores = self.cores_at_least.zip(self.cores_at_most);
        let memory = self.memory_at_least.zip(self.memory_at_most);
        cores.is_some_and(|(least, most)| least.value > most.value)
            || memory.is_some_and(|(least, most)| least.value > most.value)
    }

    /// Whether there are any, and this machine is known to meet them all.
    pub(super) fn are_met(&self, hardware: Hardware) -> bool {
        let cores = |met: &dyn Fn(f64) -> bool| hardware.cores.is_some_and(met);
        let memory = |met: &dyn Fn(u64) -> bool| hardware.memory.is_some_and(met);
        *self != Self::default()
            && self.cores_at_least.is_none_or(|it| cores(&|n| n >= it.value))
            && self.cores_at_most.is_none_or(|it| cores(&|n| n <= it.value))
            && self.memory_at_least.is_none_or(|it| memory(&|n| n >= it.value))
            && self.memory_at_most.is_none_or(|it| memory(&|n| n <= it.value))
    }
}
