package world_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/world"
)

func userHeader(user string) map[string]string { return map[string]string{"X-User-Id": user} }

func TestClassesBelongToTheirTeacher(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	url := p.ClassesURL() + "/v1/classes/"
	require.Equal(t, response{401, `{"error":"User authentication required"}`}, call(t, "GET", url, "", nil))

	list := call(t, "GET", url, "", userHeader("teacher-anna")).members(t)
	classes, _ := list["classes"].([]any)
	require.Len(t, classes, 2)
	first, _ := classes[0].(map[string]any)
	require.Regexp(t, `^\d{4}-`, first["created_at"])
	delete(first, "created_at")
	require.Equal(t, map[string]any{"id": "class-anna-7a", "name": "7A", "course_code": "ENG7", "student_count": 24.0}, first)
	require.Equal(t, map[string]any{"limit": 50.0, "offset": 0.0, "total": 2.0}, list["pagination"])
	page := call(t, "GET", url+"?limit=1&offset=9", "", userHeader("teacher-anna")).members(t)
	require.Equal(t, []any{}, page["classes"])

	require.Equal(t, 404, call(t, "GET", url+"class-bo-sv1", "", userHeader("teacher-anna")).status)
	require.Equal(t, "SV1", call(t, "GET", url+"class-bo-sv1", "", userHeader("teacher-bo")).members(t)["name"])
	require.Equal(t, 404, call(t, "GET", url+"a/b", "", userHeader("teacher-bo")).status)
}

func TestClassesAreCreatedAndDeleted(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	url := p.ClassesURL() + "/v1/classes"
	require.Equal(t, 400, call(t, "POST", url, `{}`, userHeader("teacher-new")).status)
	made := call(t, "POST", url, `{"name":"9C","course_code":"ENG7"}`, userHeader("teacher-new"))
	require.Equal(t, http.StatusCreated, made.status)
	id, _ := made.members(t)["id"].(string)
	require.Equal(t, 200, call(t, "GET", url+"/"+id, "", userHeader("teacher-new")).status)
	require.Equal(t, response{204, ""}, call(t, "DELETE", url+"/"+id, "", userHeader("teacher-new")))
	require.Equal(t, 404, call(t, "DELETE", url+"/"+id, "", userHeader("teacher-new")).status)
}

func TestDashboard(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	url := p.TeacherURL() + "/bff/v1/teacher/"
	require.Equal(t, 401, call(t, "GET", url+"dashboard", "", nil).status)
	require.Equal(t, 404, call(t, "GET", url+"other", "", userHeader("teacher-bo")).status)
	seen := call(t, "GET", url+"dashboard", "", userHeader("teacher-bo")).members(t)
	require.Equal(t, "teacher-bo", seen["teacher_id"])
	require.Len(t, seen["classes"], 1)
	require.Len(t, seen["batches"], 2)
}

func TestFailureAffectsOneServiceOnly(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	p.FailClasses(world.ServerError)
	require.Equal(t, 500, call(t, "GET", p.ClassesURL()+"/v1/classes/", "", userHeader("teacher-bo")).status)
	require.Equal(t, 200, call(t, "GET", p.TeacherURL()+"/bff/v1/teacher/dashboard", "", userHeader("teacher-bo")).status)
	p.FailClasses(world.NoFailure)
	p.FailTeacher(world.ServerError)
	require.Equal(t, 200, call(t, "GET", p.ClassesURL()+"/v1/classes/", "", userHeader("teacher-bo")).status)
	require.Equal(t, 500, call(t, "GET", p.TeacherURL()+"/bff/v1/teacher/dashboard", "", userHeader("teacher-bo")).status)
}
