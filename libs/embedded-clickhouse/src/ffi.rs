//! The one place that calls libchdb. Everything outside is safe.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use crate::error::Exception;

/// What libchdb calls `chdb_connection`: a pointer to its handle.
type RawConnection = *mut *mut c_void;
type RawResult = *mut c_void;
type RawInsert = *mut c_void;
type QueryFunction = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;

/// The functions that are used, with the signatures of libchdb 26.7's `chdb.h`.
struct Functions {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> RawConnection,
    close: unsafe extern "C" fn(RawConnection),
    query: QueryFunction,
    insert: QueryFunction,
    append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    finish: unsafe extern "C" fn(RawInsert) -> RawResult,
    cancel: unsafe extern "C" fn(RawInsert),
    insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(RawInsert),
    destroy_result: unsafe extern "C" fn(RawResult),
    buffer: unsafe extern "C" fn(RawResult) -> *mut c_char,
    length: unsafe extern "C" fn(RawResult) -> usize,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    rows_written: unsafe extern "C" fn(RawResult) -> u64,
    rows_read: unsafe extern "C" fn(RawResult) -> u64,
    /// Never unloaded: the engine has threads of its own that run until the process ends.
    _library: ManuallyDrop<libloading::Library>,
}

/// The loaded engine, and the folder of its data.
#[derive(Clone)]
pub(crate) struct Engine {
    functions: Arc<Functions>,
    arguments: Arc<Vec<CString>>,
}

/// Counters of one statement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) read_rows: u64,
    pub(crate) written_rows: u64,
}

impl Engine {
    /// Loads the library; `arguments` are those of `clickhouse local`, such as `--path=…`.
    pub(crate) fn load(library: &Path, arguments: &[String]) -> Result<Self, String> {
        // SAFETY: the file is the pinned libchdb (or what an operator names); its initialisers have no requirements.
        let library = unsafe { libloading::Library::new(library) }.map_err(|error| error.to_string())?;
        macro_rules! function {
            ($name:literal) => {{
                // SAFETY: the symbol has the signature of the field that it is stored in, by chdb.h of the pinned version.
                let symbol = unsafe { library.get(concat!($name, "\0").as_bytes()) };
                *symbol.map_err(|error| error.to_string())?
            }};
        }
        let set_signal_handlers: unsafe extern "C" fn(c_int) = function!("chdb_set_signal_handlers_enabled");
        let functions = Functions {
            connect: function!("chdb_connect"),
            close: function!("chdb_close_conn"),
            query: function!("chdb_query_with_params_n"),
            insert: function!("chdb_stream_insert_with_params_n"),
            append: function!("chdb_stream_append"),
            finish: function!("chdb_stream_done"),
            cancel: function!("chdb_stream_cancel_insert"),
            insert_error: function!("chdb_stream_insert_error"),
            destroy_insert: function!("chdb_destroy_insert_stream"),
            destroy_result: function!("chdb_destroy_query_result"),
            buffer: function!("chdb_result_buffer"),
            length: function!("chdb_result_length"),
            result_error: function!("chdb_result_error"),
            rows_written: function!("chdb_result_rows_written"),
            rows_read: function!("chdb_result_storage_rows_read"),
            _library: ManuallyDrop::new(library),
        };
        // SAFETY: takes a flag; signals stay this process's own.
        unsafe { set_signal_handlers(0) };
        let arguments = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(|argument| CString::new(argument).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        Ok(Self { functions: Arc::new(functions), arguments: Arc::new(arguments) })
    }

    /// A session of its own. Each statement gets one: after an error the next result of a session begins with stale output.
    pub(crate) fn connect(&self) -> Result<Connection, Exception> {
        let mut pointers: Vec<*mut c_char> = self.arguments.iter().map(|it| it.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        // SAFETY: `count` zero-terminated strings that live as long as `self`; the engine copies them.
        let raw = unsafe { (self.functions.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: not null, so it points to a handle that the engine made.
        if raw.is_null() || unsafe { *raw }.is_null() {
            return Err(Exception::new(210, "the engine gives no session", "NETWORK_ERROR"));
        }
        Ok(Connection { functions: Arc::clone(&self.functions), raw })
    }
}

/// One session of the engine.
pub(crate) struct Connection {
    functions: Arc<Functions>,
    raw: RawConnection,
}

// SAFETY: the engine guards a session by a lock of its own and ties it to no thread.
unsafe impl Send for Connection {}

/// Names and values of bound parameters.
pub(crate) type Parameters = [(String, String)];

impl Connection {
    /// Runs a statement to its end; the result holds its output in `format`.
    pub(crate) fn query(&self, sql: &str, format: &str, parameters: &Parameters) -> Result<Output, Exception> {
        Output::checked(&self.functions, self.call(self.functions.query, sql, format, parameters))
    }

    /// Begins an insert whose data come in pieces.
    pub(crate) fn insert(&self, sql: &str, format: &str, parameters: &Parameters) -> Result<Insert<'_>, Exception> {
        let raw = self.call(self.functions.insert, sql, format, parameters);
        if raw.is_null() {
            return Err(Exception::new(1002, "the engine begins no insert", "UNKNOWN_EXCEPTION"));
        }
        let insert = Insert { connection: self, raw, is_open: true };
        insert.error().map_or(Ok(insert), Err)
    }

    fn call(&self, function: QueryFunction, sql: &str, format: &str, parameters: &Parameters) -> *mut c_void {
        let names: Vec<*const c_char> = parameters.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = parameters.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = parameters.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = parameters.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: `raw` is open until drop, so it points to a handle.
        let handle = unsafe { *self.raw };
        // SAFETY: every pointer comes with its length, four arrays of `parameters.len()` entries; all live through the call.
        unsafe {
            function(
                handle,
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: open until here, closed once.
        unsafe { (self.functions.close)(self.raw) };
    }
}

/// What a statement gave.
pub(crate) struct Output {
    functions: Arc<Functions>,
    raw: RawResult,
}

impl Output {
    fn checked(functions: &Arc<Functions>, raw: RawResult) -> Result<Self, Exception> {
        if raw.is_null() {
            return Err(Exception::new(1002, "the engine gives no result", "UNKNOWN_EXCEPTION"));
        }
        let output = Self { functions: Arc::clone(functions), raw };
        // SAFETY: a result that was not destroyed yet.
        let error = unsafe { (functions.result_error)(raw) };
        text_of(error).map_or(Ok(output), |text| Err(Exception(text)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a result that was not destroyed yet.
        let length = unsafe { (self.functions.length)(self.raw) };
        // SAFETY: as above.
        let buffer = unsafe { (self.functions.buffer)(self.raw) };
        if length == 0 || buffer.is_null() {
            return &[];
        }
        // SAFETY: the buffer has `length` bytes and lives as long as the result, which `self` owns.
        unsafe { std::slice::from_raw_parts(buffer.cast(), length) }
    }

    pub(crate) fn counters(&self) -> Counters {
        // SAFETY: a result that was not destroyed yet.
        let read_rows = unsafe { (self.functions.rows_read)(self.raw) };
        // SAFETY: as above.
        let written_rows = unsafe { (self.functions.rows_written)(self.raw) };
        Counters { read_rows, written_rows }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: destroyed once, here.
        unsafe { (self.functions.destroy_result)(self.raw) };
    }
}

/// An insert whose data come in pieces; cancelled when it is dropped before [`Insert::finish`].
pub(crate) struct Insert<'connection> {
    connection: &'connection Connection,
    raw: RawInsert,
    is_open: bool,
}

impl Insert<'_> {
    fn error(&self) -> Option<Exception> {
        // SAFETY: not destroyed before drop.
        text_of(unsafe { (self.connection.functions.insert_error)(self.raw) }).map(Exception)
    }

    /// Hands over a piece of data.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: not destroyed before drop; `data` has its length and lives through the call.
        let status = unsafe { (self.connection.functions.append)(self.raw, data.as_ptr().cast(), data.len()) };
        if status == 0 {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| Exception::new(1002, "the engine takes no more data", "UNKNOWN_EXCEPTION")))
    }

    /// All data are there: writes them.
    pub(crate) fn finish(mut self) -> Result<Output, Exception> {
        self.is_open = false;
        // SAFETY: not destroyed before drop, finished once.
        let raw = unsafe { (self.connection.functions.finish)(self.raw) };
        Output::checked(&self.connection.functions, raw)
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // SAFETY: not destroyed yet and not finished.
            unsafe { (self.connection.functions.cancel)(self.raw) };
        }
        // SAFETY: destroyed once, here.
        unsafe { (self.connection.functions.destroy_insert)(self.raw) };
    }
}

/// The text of a C string of the engine; `None` for null.
fn text_of(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, so a zero-terminated string of the engine that lives until its owner is destroyed.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
