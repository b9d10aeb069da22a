//! Lua as Argo CD runs health scripts: the base functions and `table`, and more only with open libraries.

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde_json::Value as Json;
use tidegate::emit::lua::Script;

/// A script, ready to be asked about objects.
pub struct Vm {
    lua: Lua,
    script: mlua::Function,
}

impl Vm {
    /// Loads a script.
    pub fn new(script: &Script) -> Result<Vm, String> {
        let open = if script.open_libs.is_empty() { StdLib::NONE } else { StdLib::STRING | StdLib::MATH };
        let lua = Lua::new_with(StdLib::TABLE | open, LuaOptions::default()).unwrap();
        let tostring = lua.create_function(|_, value: LuaValue| Ok(go_text(&value))).unwrap();
        lua.globals().set("tostring", tostring).unwrap();
        for absent in ["os", "io", "debug"] {
            assert!(lua.globals().get::<LuaValue>(absent).unwrap().is_nil());
        }
        assert_eq!(lua.globals().get::<LuaValue>("string").unwrap().is_nil(), script.open_libs.is_empty());
        let script = lua.load(&script.text).into_function().map_err(|e| format!("{e}\n{}", script.text))?;
        Ok(Vm { lua, script })
    }

    /// Status and message of an object.
    pub fn health(&self, object: &Json) -> Result<(String, String), String> {
        let object = self.value(object);
        self.lua.globals().set("obj", object).unwrap();
        let table: Table = self.script.call(()).map_err(|e| e.to_string())?;
        let text = |key: &str| match table.get::<LuaValue>(key).unwrap() {
            LuaValue::String(s) => s.to_str().map(|s| s.to_owned()).map_err(|e| e.to_string()),
            other => Err(format!("{key} is {other:?}")),
        };
        Ok((text("status")?, text("message")?))
    }

    /// As `decodeValue` of Argo CD's `util/lua/lua.go`: null is absent, also in lists, and all numbers are floats.
    fn value(&self, json: &Json) -> LuaValue {
        match json {
            Json::Null => LuaValue::Nil,
            Json::Bool(b) => LuaValue::Boolean(*b),
            Json::Number(n) => LuaValue::Number(n.as_f64().unwrap()),
            Json::String(s) => LuaValue::String(self.lua.create_string(s).unwrap()),
            Json::Array(items) => {
                let items = items.iter().filter(|item| !item.is_null()).map(|item| self.value(item));
                LuaValue::Table(self.lua.create_sequence_from(items).unwrap())
            }
            Json::Object(map) => {
                let entries = map.iter().map(|(k, v)| (k.as_str(), self.value(v)));
                LuaValue::Table(self.lua.create_table_from(entries).unwrap())
            }
        }
    }
}

/// `tostring` of gopher-lua: Go's `%v` for numbers, whole ones as integers.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as Go does it")]
fn go_text(value: &LuaValue) -> String {
    let number = match value {
        LuaValue::Integer(i) => return i.to_string(),
        LuaValue::Number(n) => *n,
        LuaValue::Boolean(b) => return b.to_string(),
        LuaValue::String(s) => return s.to_str().unwrap().to_owned(),
        LuaValue::Nil => return "nil".to_owned(),
        other => panic!("tostring of {}", other.type_name()),
    };
    if number == (number as i64) as f64 {
        return (number as i64).to_string();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    if (-4..21).contains(&exponent) {
        return number.to_string();
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}
