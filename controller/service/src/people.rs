//! Who may do what.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person or machine may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Look at the line, its figures and alarms.
    See,
    /// Look at labels: pictures, codes, destinations and traces of parcels.
    Labels,
    /// Command chutes, reset the line, answer alarms.
    Operate,
    /// Key in what no camera could read.
    Code,
    /// Make, approve and activate sort plans.
    Plan,
    /// See inputs and outputs, move a diverter, run the simulator.
    Maintain,
    /// Read reports of people's work and the audit trail; take alarms out of service.
    Supervise,
    /// Accounts, keys, configuration.
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::See,
        Self::Labels,
        Self::Operate,
        Self::Code,
        Self::Plan,
        Self::Maintain,
        Self::Supervise,
        Self::Administer,
    ];
}

/// What somebody is here for. A person may have several roles; their rights add up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs a shift at the line.
    Operator,
    /// Keys in.
    Coder,
    /// Plans.
    Planner,
    /// Mends.
    Maintainer,
    /// Leads the shift.
    Supervisor,
    /// Looks after accounts and the controller itself.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Viewer,
        Self::Operator,
        Self::Coder,
        Self::Planner,
        Self::Maintainer,
        Self::Supervisor,
        Self::Admin,
    ];

    /// Its name, as in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Coder => "coder",
            Self::Planner => "planner",
            Self::Maintainer => "maintainer",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }

    /// What it may do.
    pub const fn rights(self) -> &'static [Right] {
        use Right::{Administer, Code, Labels, Maintain, Operate, Plan, See, Supervise};
        match self {
            Self::Viewer => &[See],
            Self::Operator => &[See, Labels, Operate],
            Self::Coder => &[See, Labels, Code],
            Self::Planner => &[See, Plan],
            Self::Maintainer => &[See, Labels, Operate, Maintain],
            Self::Supervisor => &[See, Labels, Operate, Code, Plan, Supervise],
            Self::Admin => &[See, Supervise, Administer],
        }
    }
}

/// Roles of one person or machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// All roles.
    pub fn all() -> Self {
        Self(Role::ALL.into_iter().collect())
    }

    /// As stored; what is no role is left out.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Those named in a list with commas, such as the groups of a directory; `sortline-` may stand
    /// before a name, and what is no role is left out.
    pub fn named(list: &str) -> Self {
        let names = list.split(',').map(str::trim);
        let names = names.map(|name| name.strip_prefix("sortline-").unwrap_or(name));
        let role = |name| Role::ALL.into_iter().find(|role| role.name() == name);
        Self(names.filter_map(role).collect())
    }

    /// Their names, with commas.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|role| role.name()).collect();
        names.join(",")
    }

    /// Those that are among both.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.intersection(&others.0).copied().collect())
    }

    /// Whether it is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether it is the only one.
    pub fn only(&self, role: Role) -> bool {
        self.0.len() == 1 && self.has(role)
    }

    /// What they may do.
    pub fn rights(&self) -> BTreeSet<Right> {
        let rights = self.0.iter().flat_map(|role| role.rights());
        rights.copied().collect()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_unwritable| fmt::Error)?)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Id of a person, `key:NAME` of a machine, or `open` where nobody signs in.
    pub id: String,
    /// Name shown.
    pub name: String,
    /// Roles.
    pub roles: Roles,
}

impl Actor {
    /// Whoever sits at a controller that asks nobody to sign in.
    pub fn open() -> Self {
        Self {
            id: "open".to_owned(),
            name: String::new(),
            roles: Roles::all(),
        }
    }

    /// Whether it may.
    pub fn may(&self, right: Right) -> bool {
        self.roles.rights().contains(&right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_add_up_and_nobody_has_them_by_accident() {
        let shift = Roles::from_iter([Role::Operator, Role::Coder]);
        assert!(shift.rights().contains(&Right::Code) && shift.rights().contains(&Right::Operate));
        assert!(!shift.rights().contains(&Right::Administer));
        assert!(Roles::default().rights().is_empty());
        assert_eq!(Roles::parse(&shift.to_string()), shift);
        assert!(Roles::parse("[\"root\"]").rights().is_empty());
        assert_eq!(Roles::named("staff, sortline-coder,operator,root"), shift);
        assert_eq!(Roles::named(&shift.names()), shift);
        assert_eq!(shift.and(&Roles::named("coder,admin")).names(), "coder");
        for role in Role::ALL {
            let name = serde_json::to_value(role).unwrap();
            assert_eq!(name, role.name());
        }
        // Whoever looks after accounts does not command the line.
        assert!(!Role::Admin.rights().contains(&Right::Operate));
        for right in Right::ALL {
            let able = Role::ALL
                .iter()
                .filter(|role| role.rights().contains(&right));
            assert!(able.count() > 0, "{right:?}");
        }
    }
}
