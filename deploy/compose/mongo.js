// The health check of MongoDB in compose.yaml, run by mongosh inside the container. It makes a fresh server a replica
// set of one with its users, and gives the application's user a new password when there is one. Status 0: the
// application may sign in, and the server takes writes.
const fs = require("fs");
const folder = process.env.WHYBUY_SECRETS || "/run/whybuy";
const member = process.env.WHYBUY_MEMBER || "mongo:27017";
const secret = (name) => fs.readFileSync(`${folder}/${name}`, "utf8").trim();
const admin = db.getSiblingDB("admin");
const roles = ["readWrite", "dbAdmin"].map((role) => ({ role, db: "whybuy" }));

function signsIn(user, file) {
  try {
    return Boolean(admin.auth(user, secret(file)).ok);
  } catch (error) {
    if (error.codeName === "AuthenticationFailed") return false;
    throw error;
  }
}

function isWritable() {
  return admin.hello().isWritablePrimary;
}

// Until there is a user, whoever comes from the same machine may do these two.
function begin() {
  if (!admin.hello().setName) rs.initiate({ _id: "rs0", members: [{ _id: 0, host: member }] });
  if (isWritable()) admin.createUser({ user: "root", pwd: secret("root-password"), roles: ["root"] });
}

if (!signsIn("whybuy", "password")) {
  if (!signsIn("root", "root-password")) begin();
  if (isWritable() && signsIn("root", "root-password")) {
    const change = { pwd: secret("password"), roles };
    if (admin.getUser("whybuy")) admin.updateUser("whybuy", change);
    else admin.createUser({ user: "whybuy", ...change });
  }
}
quit(isWritable() && signsIn("whybuy", "password") ? 0 : 1);
